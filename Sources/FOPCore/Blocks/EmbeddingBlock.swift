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

    private var A = MovingAverage()
    private var G = MovingAverage()
    private var inverseA, inverseG: Tensor?
    private var dampingA, dampingG: Tensor?
    private var uses, outputs: Tensor?
    private var examples = 0

    /// - Parameter paddingIndex: the vector that gets no gradient.
    public init(count: Int, width: Int, paddingIndex: Int? = nil) {
        self.count = count
        self.width = width
        self.paddingIndex = paddingIndex
    }

    /// The moving average of A's diagonal, count.
    public var inputFactor: Tensor? { A.value }
    /// The moving average of G, width x width.
    public var outputFactor: Tensor? { G.value }

    public var isReady: Bool { inverseG != nil }

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
        guard statistics.count == 2 else { return }
        A.update(with: statistics[0], decay: decay, isFinite: isFinite)
        G.update(with: statistics[1], decay: decay, isFinite: isFinite)
    }

    public func updateInverse(damping: Double) -> [InverseOutcome] {
        guard let A = A.value, let G = G.value else { return [] }
        let split = splitDamping(damping, inputDiagonal: A, outputDiagonal: G.diagonal())
        let newG = robustInverse(addingToDiagonal(G, split.output), last: inverseG)
        inverseA = finiteReciprocal(A + split.input)
        inverseG = newG.inverse
        (dampingA, dampingG) = (split.input, split.output)
        return [newG.outcome]
    }

    // MARK: Products

    public func fisherProduct(_ matrix: Tensor) -> Tensor {
        guard let A = A.value, let G = G.value else { return matrix }
        return A.unsqueezed(-1) * matrix.mm(G)
    }

    public func dampedProduct(_ matrix: Tensor) -> Tensor {
        guard let A = A.value, let G = G.value, let dampingA, let dampingG else { return matrix }
        return (A + dampingA).unsqueezed(-1) * matrix.mm(addingToDiagonal(G, dampingG))
    }

    public func precondition(_ matrix: Tensor) -> Tensor {
        guard let inverseA, let inverseG else { return matrix }
        return inverseA.unsqueezed(-1) * matrix.mm(inverseG)
    }

    // MARK: State

    public var factorShapes: [[Int]] { [[count], [width, width]] }

    public var state: [String: Tensor] {
        [
            "input_factor": A.value, "output_factor": G.value, "input_inverse": inverseA, "output_inverse": inverseG,
            "input_damping": dampingA, "output_damping": dampingG,
        ].compactMapValues { $0 }
    }

    public var stateShapes: [String: [Int]] {
        [
            "input_factor": [count], "output_factor": [width, width], "input_inverse": [count],
            "output_inverse": [width, width], "input_damping": [], "output_damping": [],
        ]
    }

    public func load(_ state: [String: Tensor]) {
        A = MovingAverage(state["input_factor"]?.cloned())
        G = MovingAverage(state["output_factor"]?.cloned())
        inverseA = state["input_inverse"]?.cloned()
        inverseG = state["output_inverse"]?.cloned()
        dampingA = state["input_damping"]?.cloned()
        dampingG = state["output_damping"]?.cloned()
        (uses, outputs, examples) = (nil, nil, 0)
    }
}
