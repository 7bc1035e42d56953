import TorchCore

private enum Op {
    static let embeddingBackward = Operator("aten::embedding_dense_backward")
}

/// F = A (x) G for a table of vectors, V of its shape, count x width. To the curvature an embedding is a linear layer
/// whose inputs have a single 1, so that A, count x count, is diagonal: how often each vector is used, as a share of
/// all uses. G is width x width, from the derivatives with respect to the vectors that were looked up.
///
/// Positions with the padding index take no part. Every position counts as an input of its own, also where
/// ``CurvatureConfiguration/weightSharing`` is reduce: merged inputs have no diagonal A.
public final class EmbeddingBlock: FisherBlock {
    private let count, width: Int
    private let paddingIndex: Int?

    /// A is kept as its diagonal.
    private var factors = FactorPair()
    private var uses, outputs: Tensor?
    private var examples = 0

    /// - Parameter paddingIndex: the vector that gets no gradient.
    public init(count: Int, width: Int, paddingIndex: Int? = nil) {
        self.count = count
        self.width = width
        self.paddingIndex = paddingIndex
    }

    /// The moving average of A's diagonal, count.
    public var inputFactor: Tensor? { factors.A }
    /// The moving average of G, width x width.
    public var outputFactor: Tensor? { factors.G }

    public var isReady: Bool { factors.inverses != nil }

    public var shape: [Int] { [count, width] }
    public func pack(_ parameters: [Tensor]) -> Tensor { parameters[0] }
    public func unpack(_ matrix: Tensor) -> [Tensor] { [matrix] }

    public func gradient(_ record: LayerRecord) -> Tensor {
        call(Op.embeddingBackward, file: #fileID, line: #line) {
            $0.push(record.outputGradient.toFactorPrecision())
            $0.push(record.input)
            $0.push(count)
            $0.push(paddingIndex ?? -1)
            $0.push(false)
        }
    }

    // MARK: Curvature

    public func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) {
        (record.input.count / max(record.examples, 1), width)
    }

    public func accumulate(_ record: LayerRecord, as use: RecordUse) {
        let indices = record.input.reshaped([-1])
        var rows = record.outputGradient.toFactorPrecision().reshaped([-1, width])
        var ones = Tensor.ones([indices.size(0)], dtype: rows.dtype, device: rows.device)
        if let paddingIndex {
            ones = indices.elementsDiffer(from: Double(paddingIndex)).to(rows.dtype)
            rows = rows * ones.unsqueezed(-1)
        }
        let newUses = Tensor.zeros([count], dtype: rows.dtype, device: rows.device).scatterAdded(0, indices, from: ones)
        let square = rows.transposed().mm(rows)
        uses = uses.map { $0 + newUses } ?? newUses
        outputs = outputs.map { $0 + square } ?? square
        examples += use.newExamples(record)
    }

    public func takeStatistics(gradientScale: Double) -> [Tensor] {
        guard let uses, let outputs else { return [] }
        defer {
            self.uses = nil
            self.outputs = nil
            examples = 0
        }
        // Nothing but padding gives zeros.
        let total = uses.sum().clamped(min: 1)
        return [uses / total, outputs * (gradientScale * gradientScale / Double(examples))]
    }

    public var statisticsShapes: [[Int]] { [[count], [width, width]] }

    public func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor) {
        factors.update(with: statistics, decay: decay, isFinite: isFinite)
    }

    public func updateInverse(damping: Double) -> [InverseOutcome] {
        guard let (A, G) = factors.averages else { return [] }
        let split = splitDamping(damping, inputDiagonal: A, outputDiagonal: G.diagonal())
        let newG = robustInverse(addingToDiagonal(G, split.output), last: factors.inverses?.G)
        factors.setInverses(finiteReciprocal(A + split.input), newG.inverse, damping: split)
        return [newG.outcome]
    }

    // MARK: Products

    public var takesStacks: Bool { true }

    public func fisherProduct(_ matrix: Tensor) -> Tensor {
        guard let (A, G) = factors.averages else { return matrix }
        return A.unsqueezed(-1) * matrix.matmul(G)
    }

    public func dampedProduct(_ matrix: Tensor) -> Tensor {
        guard let (A, G) = factors.averages, let damping = factors.damping else { return matrix }
        return (A + damping.A).unsqueezed(-1) * matrix.matmul(addingToDiagonal(G, damping.G))
    }

    public func precondition(_ matrix: Tensor) -> Tensor {
        guard let (A, G) = factors.inverses else { return matrix }
        return A.unsqueezed(-1) * matrix.matmul(G)
    }

    // MARK: State

    public var factorShapes: [[Int]] { [[count], [width, width]] }

    public var state: [String: Tensor] { factors.state }

    public var stateShapes: [String: [Int]] {
        FactorPair.stateShapes(input: factorShapes[0], output: factorShapes[1], damping: [])
    }

    public func load(_ state: [String: Tensor]) {
        factors = FactorPair(state)
        (uses, outputs, examples) = (nil, nil, 0)
    }
}
