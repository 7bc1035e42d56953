import TorchCore

/// The factors A and G of a layer with a weight, each split into consecutive blocks along its diagonal where it is
/// larger than a maximum: what is between the blocks is neither computed nor kept. F = G (x) A stays positive
/// semi-definite.
struct SplitFactors {
    private let geometry: any LayerGeometry
    private let weightSharing: WeightSharing
    private let inputRanges, outputRanges: [Range<Int>]
    private var A, G: [MovingAverage]
    private var sums: [Tensor] = []
    private var rows = 0
    private var examples = 0
    private var merged = MergedPositions()

    init(_ geometry: any LayerGeometry, weightSharing: WeightSharing, maximumSize: Int) {
        self.geometry = geometry
        self.weightSharing = weightSharing
        inputRanges = BlockDiagonal.ranges(geometry.inputs, maximum: maximumSize)
        outputRanges = BlockDiagonal.ranges(geometry.outputs, maximum: maximumSize)
        A = inputRanges.map { _ in MovingAverage() }
        G = outputRanges.map { _ in MovingAverage() }
    }

    /// The moving averages; nil before the first.
    var averages: (input: BlockDiagonal, output: BlockDiagonal)? {
        let (A, G) = (A.compactMap(\.value), G.compactMap(\.value))
        return A.count == inputRanges.count && G.count == outputRanges.count ? (BlockDiagonal(A), BlockDiagonal(G)) : nil
    }

    /// How many blocks A and G have.
    var counts: (input: Int, output: Int) { (inputRanges.count, outputRanges.count) }

    // MARK: Gathering

    /// - Parameters:
    ///   - inputs: (groups x) N x T x i, with the bias's 1.
    ///   - outputs: (groups x) N x T x o.
    mutating func accumulate(inputs: Tensor, outputs: Tensor, of record: LayerRecord, as use: RecordUse) {
        switch weightSharing {
        case .expand: add(flat(inputs), flat(outputs), newExamples: use.newExamples(record))
        case .reduce:
            if use != .anotherCall || merged.examples != record.examples { addMerged() }
            merged.add(inputs: inputs, outputs: outputs, newExamples: use.newExamples(record))
        }
    }

    private func flat(_ rows: Tensor) -> Tensor { rows.reshaped(geometry.batch + [-1, rows.size(-1)]) }

    private mutating func addMerged() {
        guard let rows = merged.take() else { return }
        add(rows.inputs, rows.outputs, newExamples: rows.newExamples)
    }

    private mutating func add(_ inputs: Tensor, _ outputs: Tensor, newExamples: Int) {
        let new = inputRanges.map { square(inputs, $0) } + outputRanges.map { square(outputs, $0) }
        sums = sums.isEmpty ? new : zip(sums, new).map { $0 + $1 }
        rows += inputs.size(-2)
        examples += newExamples
    }

    private func square(_ rows: Tensor, _ range: Range<Int>) -> Tensor {
        let own = rows.narrowed(-1, from: range.lowerBound, length: range.count)
        return own.transposed().matmul(own)
    }

    /// The blocks of A, then those of G; none when nothing was gathered.
    mutating func take(gradientScale: Double) -> [Tensor] {
        addMerged()
        defer { (sums, rows, examples) = ([], 0, 0) }
        return sums.enumerated().map { index, sum in
            sum * (index < A.count ? 1 / Double(rows) : gradientScale * gradientScale / Double(examples))
        }
    }

    mutating func update(with statistics: [Tensor], decay: Double, isFinite: Tensor) {
        for (index, new) in statistics.enumerated() {
            if index < A.count {
                A[index].update(with: new, decay: decay, isFinite: isFinite)
            } else {
                G[index - A.count].update(with: new, decay: decay, isFinite: isFinite)
            }
        }
    }

    // MARK: State

    /// The blocks' shapes, those of A first.
    var sizes: [[Int]] { (inputRanges + outputRanges).map { geometry.batch + [$0.count, $0.count] } }

    /// The same by name.
    var shapes: [String: [Int]] { namedShapes("input_factor", "output_factor") }

    /// The shapes of other matrices of the same sizes.
    func namedShapes(_ input: String, _ output: String) -> [String: [Int]] {
        let square = { (range: Range<Int>) in geometry.batch + [range.count, range.count] }
        return named(input, inputRanges.map(square)).merging(named(output, outputRanges.map(square))) { one, _ in one }
    }

    var state: [String: Tensor] {
        guard let averages else { return [:] }
        return named("input_factor", averages.input.blocks)
            .merging(named("output_factor", averages.output.blocks)) { one, _ in one }
    }

    mutating func load(_ state: [String: Tensor]) {
        A = saved(state, "input_factor", count: A.count).map { MovingAverage($0) }
        G = saved(state, "output_factor", count: G.count).map { MovingAverage($0) }
        (sums, rows, examples, merged) = ([], 0, 0, MergedPositions())
    }
}
