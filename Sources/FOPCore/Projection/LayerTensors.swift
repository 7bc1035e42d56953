import TorchCore

private enum Op {
    static let flatten = Operator("aten::flatten_dense_tensors")
    static let unflatten = Operator("aten::unflatten_dense_tensors")
}

/// One or more tensors for each of several layers, in one matrix: a row per tensor, in which the layers lie one after
/// the other as the layout says. What is done to all layers alike is one operator then, and not one for each of them; and
/// what is a number for one layer is a vector with one element per layer, so that the closed forms are computed once.
struct LayerTensors {
    /// Rows x the layout's width. What fills up the layers' last chunks is zero.
    let matrix: Tensor
    /// Where each layer's elements are.
    let layout: LayerLayout

    private init(_ matrix: Tensor, like other: LayerTensors) {
        self.matrix = matrix
        layout = other.layout
    }

    /// - Parameters:
    ///   - rows: the tensors of the layers, by row.
    ///   - layout: theirs; nil makes one.
    init(_ rows: [[Tensor]], layout: LayerLayout? = nil) {
        let layout =
            layout ?? LayerLayout(rows[0].map(\.shape), dtype: rows[0][0].dtype, device: rows[0][0].device)
        self.layout = layout
        matrix = flattened(rows.flatMap(layout.filled)).reshaped([rows.count, layout.width])
    }

    /// How many tensors each layer has.
    var rows: Int { matrix.size(0) }

    /// The layers' first tensors.
    var first: LayerTensors { LayerTensors(matrix.narrowed(0, from: 0, length: 1), like: self) }

    /// The tensors of a row.
    func parts(row: Int = 0) -> [Tensor] {
        let all = callList(Op.unflatten, file: #fileID, line: #line) {
            $0.push(matrix.selected(0, row))
            $0.push(layout.templates)
        }
        return layout.withoutFilling(all)
    }

    /// The mean of the rows (equation 3).
    func mean() -> LayerTensors {
        rows == 1 ? self : LayerTensors(sumOfRows(matrix) * (1 / Double(rows)), like: self)
    }

    /// Few long rows are added up faster one by one than by a sum.
    private func sumOfRows(_ matrix: Tensor) -> Tensor {
        let all = matrix.unstacked()
        return all.dropFirst().reduce(all[0]) { $0 + $1 }.unsqueezed(0)
    }

    /// The mean of the rows, and below it the differences of neighbours.
    func meanAndDifferences() -> LayerTensors {
        guard rows > 1 else { return self }
        let differences =
            matrix.narrowed(0, from: 0, length: rows - 1) - matrix.narrowed(0, from: 1, length: rows - 1)
        return LayerTensors(Tensor.concatenated([mean().matrix, differences], 0), like: self)
    }

    /// The products of all rows.
    /// - Parameter products: of as many layers in this order as there are.
    func mapped(_ products: [LayerProducts], _ product: KeyPath<LayerProducts, (Tensor) -> Tensor>) -> LayerTensors {
        let fillings = products.map { layout.filling(after: $0.count) }
        let sizes = zip(products, fillings).flatMap { $1 == 0 ? [$0.count] : [$0.count, $1] }
        var rest = matrix.split(sizes, 1)[...]
        var images: [Tensor] = []
        for (own, filling) in zip(products, fillings) {
            let part = rest.removeFirst().reshaped([rows] + own.shape)
            images.append(own[keyPath: product](part).reshaped([rows, own.count]))
            if filling > 0 { images.append(rest.removeFirst()) }
        }
        return LayerTensors(Tensor.concatenated(images, 1), like: self)
    }

    /// So many products of elements are in memory at once: more would be felt.
    private static let productsAtOnce = 1 << 20

    /// `<X_i, Y_j>` for every row i of these tensors and j of the others: vectors over layers. Sums over chunks are
    /// added up in float64.
    func inner(_ other: LayerTensors) -> [[Tensor]] {
        let (own, others) = (byChunk.unsqueezed(1), other.byChunk.unsqueezed(0))
        let step = max(1, Self.productsAtOnce / (rows * other.rows * layout.chunk))
        let sums = stride(from: 0, to: layout.chunks, by: step).map { start in
            let length = min(step, layout.chunks - start)
            return (own.narrowed(2, from: start, length: length) * others.narrowed(2, from: start, length: length))
                .sum([-1])
        }
        let products = (sums.count == 1 ? sums[0] : Tensor.concatenated(sums, 2)).to(.float64)
            .matmul(layout.membership).to(matrix.dtype)
        let vectors = products.reshaped([rows * other.rows, layout.counts.count]).unstacked()
        return (0..<rows).map { Array(vectors[$0 * other.rows..<($0 + 1) * other.rows]) }
    }

    /// Rows x chunks x elements of a chunk.
    private var byChunk: Tensor { matrix.reshaped([rows, layout.chunks, layout.chunk]) }

    /// All times a number.
    func scaled(by factor: Double) -> LayerTensors { factor == 1 ? self : LayerTensors(matrix * factor, like: self) }

    /// The sum of the rows, each layer's tensor of each row times its element of that row's vector.
    func combined(by factors: [Tensor]) -> LayerTensors {
        let terms = (byChunk * layout.byChunk(factors)).reshaped([rows, layout.width])
        return LayerTensors(rows == 1 ? terms : sumOfRows(terms), like: self)
    }

    /// Takes multiples of the first row from the others, in place: of row i + 1 what the i-th vector says.
    func subtractFirst(times factors: [Tensor]) {
        let multiples = first.byChunk * layout.byChunk(factors)
        matrix.narrowed(0, from: 1, length: rows - 1).subtractInPlace(multiples.reshaped([rows - 1, layout.width]))
    }
}

/// All elements of some tensors one after the other: a copy, or for a single tensor in one piece a view.
func flattened(_ tensors: [Tensor]) -> Tensor {
    call(Op.flatten, file: #fileID, line: #line) { $0.push(tensors) }
}
