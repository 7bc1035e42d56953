import TorchCore

private enum Op {
    static let flatten = Operator("aten::flatten_dense_tensors")
    static let unflatten = Operator("aten::unflatten_dense_tensors")
    static let multiplyEach = Operator("aten::_foreach_mul_", "List")
}

/// One or more tensors for each of several layers, in one matrix: a row per tensor, in which the layers lie one after the
/// other. What is done to all layers alike is one operator then, and not one for each of them; and what is a number for
/// one layer is a vector with one element per layer, so that the closed forms are computed once.
struct LayerTensors {
    /// Rows x the elements of all layers.
    let matrix: Tensor
    /// One tensor of each layer, which tells its shape.
    private let shapes: [Tensor]
    /// How many elements each layer has.
    private let counts: [Int]

    private init(_ matrix: Tensor, like other: LayerTensors) {
        self.matrix = matrix
        shapes = other.shapes
        counts = other.counts
    }

    /// - Parameter rows: the tensors of the layers, by row.
    init(_ rows: [[Tensor]]) {
        shapes = rows[0]
        counts = rows[0].map(\.count)
        matrix = flattened(rows.flatMap { $0 }).reshaped([rows.count, -1])
    }

    /// How many tensors each layer has.
    var rows: Int { matrix.size(0) }

    /// The layers' first tensors.
    var first: LayerTensors { LayerTensors(matrix.narrowed(0, from: 0, length: 1), like: self) }

    /// The tensors of a row.
    func parts(row: Int = 0) -> [Tensor] {
        callList(Op.unflatten, file: #fileID, line: #line) {
            $0.push(matrix.selected(0, row))
            $0.push(shapes)
        }
    }

    /// The mean of the rows, and below it the differences of neighbours.
    func meanAndDifferences() -> LayerTensors {
        let mean = matrix.mean([0], keepingDimensions: true)
        guard rows > 1 else { return LayerTensors(mean, like: self) }
        let differences =
            matrix.narrowed(0, from: 0, length: rows - 1) - matrix.narrowed(0, from: 1, length: rows - 1)
        return LayerTensors(Tensor.concatenated([mean, differences], 0), like: self)
    }

    /// The products of all rows.
    /// - Parameter products: of as many layers in this order as there are.
    func mapped(_ products: [LayerProducts], _ product: KeyPath<LayerProducts, (Tensor) -> Tensor>) -> LayerTensors {
        let images = zip(matrix.split(products.map(\.count), 1), products).map { part, own in
            own[keyPath: product](part.reshaped([rows] + own.shape)).reshaped([rows, -1])
        }
        return LayerTensors(Tensor.concatenated(images, 1), like: self)
    }

    /// Up to so many elements all layers are converted at once: more would take memory that is felt.
    private static let sharedConversion = 1 << 20

    /// `<X_i, Y_j>` for every row i of these tensors and j of the others: vectors over layers. Added up in float64, as
    /// matrix products of few rows round more than sums do.
    func inner(_ other: LayerTensors) -> [[Tensor]] {
        let isSmall = matrix.count <= LayerTensors.sharedConversion
        let left = (isSmall ? matrix.to(.float64) : matrix).split(counts, 1)
        let right = (isSmall ? other.matrix.to(.float64) : other.matrix).transposed().split(counts, 0)
        let products = zip(left, right).map { $0.to(.float64).mm($1.to(.float64)) }
        return Tensor.stacked(products, -1).to(matrix.dtype).unstacked().map { $0.unstacked() }
    }

    /// Each layer's tensor of each row times its element of that row's vector.
    func scaled(by factors: [Tensor]) -> LayerTensors {
        let result = matrix.cloned()
        let columns = Tensor.stacked(factors).unsqueezed(-1).unstacked(1)
        callVoid(Op.multiplyEach, file: #fileID, line: #line) {
            $0.push(result.split(counts, 1))
            $0.push(columns)
        }
        return LayerTensors(result, like: self)
    }

    /// Takes multiples of the first row from the others, in place: of row i + 1 what the i-th vector says.
    func subtractFirst(times factors: [Tensor]) {
        for (row, factor) in factors.enumerated() {
            matrix.narrowed(0, from: row + 1, length: 1).subtractInPlace(first.scaled(by: [factor]).matrix)
        }
    }

    /// The sum of the rows.
    func sum() -> LayerTensors {
        rows == 1 ? self : LayerTensors(matrix.sum([0], keepingDimensions: true), like: self)
    }
}

/// All elements of some tensors one after the other: a copy, or for a single tensor in one piece a view.
func flattened(_ tensors: [Tensor]) -> Tensor {
    call(Op.flatten, file: #fileID, line: #line) { $0.push(tensors) }
}
