import TorchCore

/// F = G (x) A for a layer with a weight (section 2 of the algorithm): A from the layer's inputs, G from its output
/// gradients. Grouped layers have one pair of factors per group.
public final class KroneckerBlock: FisherBlock {
    /// How the layer uses its weight.
    public let geometry: any LayerGeometry
    private let weightSharing: WeightSharing

    private var A = MovingAverage()
    private var G = MovingAverage()
    private var inverseA, inverseG: Tensor?
    private var dampingA, dampingG: Tensor?
    private var sums = KroneckerSums()
    private var merged = MergedPositions()

    public init(_ geometry: any LayerGeometry, weightSharing: WeightSharing = .expand) {
        self.geometry = geometry
        self.weightSharing = weightSharing
    }

    /// The input factor's moving average, (groups x) i x i.
    public var inputFactor: Tensor? { A.value }
    /// The output factor's moving average, (groups x) o x o.
    public var outputFactor: Tensor? { G.value }

    public var isReady: Bool { inverseA != nil && inverseG != nil }

    public var shape: [Int] { geometry.matrixShape }

    private var batch: [Int] { geometry.batch }

    public func pack(_ parameters: [Tensor]) -> Tensor { geometry.pack(parameters) }

    public func unpack(_ matrix: Tensor) -> [Tensor] { geometry.unpack(matrix) }

    public func gradient(_ record: LayerRecord) -> Tensor { geometry.gradient(record) }

    // MARK: Curvature

    public func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) {
        let rows = weightSharing == .expand ? geometry.positions(record) : 1
        return (rows, max(geometry.inputs, geometry.outputs))
    }

    public func accumulate(_ record: LayerRecord, as use: RecordUse) {
        let outputs = geometry.outputRows(record).toFactorPrecision()
        switch weightSharing {
        case .expand:
            let sample = record.inputSample
            let rows = sample.examples * geometry.positions(record)
            let products = geometry.inputProducts(sample)
            sums.add(
                inputs: geometry.hasBias ? withBias(products, sums: geometry.inputSums(sample), rows: rows) : products,
                outputs: squared(outputs.reshaped(batch + [-1, geometry.outputs])), rows: rows,
                newExamples: use.newExamples(record))
        case .reduce:
            if use != .anotherCall || merged.examples != record.examples { addMerged() }
            merged.add(
                inputs: geometry.inputRows(record).toFactorPrecision(), outputs: outputs,
                newExamples: use.newExamples(record))
        }
    }

    /// X^T X of (groups x) rows x columns.
    private func squared(_ rows: Tensor) -> Tensor { rows.transposed().matmul(rows) }

    /// One row per example, once all calls of the layer in a pass are known.
    private func addMerged() {
        guard let merged = merged.take() else { return }
        let rows = merged.inputs.size(-2)
        let products = squared(merged.inputs)
        sums.add(
            inputs: geometry.hasBias ? withBias(products, sums: merged.inputs.sum([-2]), rows: rows) : products,
            outputs: squared(merged.outputs), rows: rows, newExamples: merged.newExamples)
    }

    public func takeStatistics(gradientScale: Double) -> [Tensor] {
        addMerged()
        defer { sums = KroneckerSums() }
        return sums.factors(gradientScale: gradientScale)
    }

    public var statisticsShapes: [[Int]] {
        [geometry.inputs, geometry.outputs].map { batch + [$0, $0] }
    }

    public func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor) {
        guard statistics.count == 2 else { return }
        A.update(with: statistics[0], decay: decay, isFinite: isFinite)
        G.update(with: statistics[1], decay: decay, isFinite: isFinite)
    }

    public func updateInverse(damping: Double) -> [InverseOutcome] {
        guard let A = A.value, let G = G.value else { return [] }
        let split = splitDamping(damping, input: A, output: G)
        let newA = robustInverse(addingToDiagonal(A, split.input), last: inverseA)
        let newG = robustInverse(addingToDiagonal(G, split.output), last: inverseG)
        inverseA = newA.inverse
        inverseG = newG.inverse
        dampingA = split.input
        dampingG = split.output
        return [newA.outcome, newG.outcome]
    }

    // MARK: Products

    public func fisherProduct(_ matrix: Tensor) -> Tensor {
        guard let A = A.value, let G = G.value else { return matrix }
        return G.matmul(matrix).matmul(A)
    }

    public func dampedProduct(_ matrix: Tensor) -> Tensor {
        guard let A = A.value, let G = G.value, let dampingA, let dampingG else { return matrix }
        return addingToDiagonal(G, dampingG).matmul(matrix).matmul(addingToDiagonal(A, dampingA))
    }

    public func precondition(_ matrix: Tensor) -> Tensor {
        guard let inverseA, let inverseG else { return matrix }
        return inverseG.matmul(matrix).matmul(inverseA)
    }

    // MARK: State

    public var factorShapes: [[Int]] {
        [batch + [geometry.inputs, geometry.inputs], batch + [geometry.outputs, geometry.outputs]]
    }

    public var state: [String: Tensor] {
        [
            "input_factor": A.value, "output_factor": G.value, "input_inverse": inverseA, "output_inverse": inverseG,
            "input_damping": dampingA, "output_damping": dampingG,
        ].compactMapValues { $0 }
    }

    public var stateShapes: [String: [Int]] {
        let (input, output) = (factorShapes[0], factorShapes[1])
        return [
            "input_factor": input, "output_factor": output, "input_inverse": input, "output_inverse": output,
            "input_damping": batch, "output_damping": batch,
        ]
    }

    public func load(_ state: [String: Tensor]) {
        A = MovingAverage(state["input_factor"]?.cloned())
        G = MovingAverage(state["output_factor"]?.cloned())
        inverseA = state["input_inverse"]?.cloned()
        inverseG = state["output_inverse"]?.cloned()
        dampingA = state["input_damping"]?.cloned()
        dampingG = state["output_damping"]?.cloned()
        sums = KroneckerSums()
        merged = MergedPositions()
    }
}
