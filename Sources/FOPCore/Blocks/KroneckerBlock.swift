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

    public init(_ geometry: any LayerGeometry, weightSharing: WeightSharing = .expand) {
        self.geometry = geometry
        self.weightSharing = weightSharing
    }

    /// The input factor's moving average, (groups x) i x i.
    public var inputFactor: Tensor? { A.value }
    /// The output factor's moving average, (groups x) o x o.
    public var outputFactor: Tensor? { G.value }

    public var isReady: Bool { inverseA != nil && inverseG != nil }

    public var shape: [Int] { batch + [geometry.outputs, geometry.inputs] }

    private var batch: [Int] { geometry.groups == 1 ? [] : [geometry.groups] }

    // MARK: Parameters as V

    public func pack(_ parameters: [Tensor]) -> Tensor {
        let weight = parameters[0].reshaped(batch + [geometry.outputs, geometry.weightColumns])
        guard geometry.hasBias else { return weight }
        return Tensor.concatenated([weight, parameters[1].reshaped(batch + [geometry.outputs, 1])], -1)
    }

    public func unpack(_ matrix: Tensor) -> [Tensor] {
        guard geometry.hasBias else { return [matrix.reshaped(geometry.weightShape)] }
        let weight = matrix.narrowed(-1, from: 0, length: geometry.weightColumns)
        let bias = matrix.narrowed(-1, from: geometry.weightColumns, length: 1)
        return [weight.reshaped(geometry.weightShape), bias.reshaped([-1])]
    }

    public func gradient(_ record: LayerRecord) -> Tensor {
        let weight = geometry.weightGradient(record)
        return pack(geometry.hasBias ? [weight, geometry.biasGradient(record)] : [weight]).toFactorPrecision()
    }

    // MARK: Curvature

    public func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) {
        let positions = record.outputGradient.count / (record.examples * geometry.outputs * geometry.groups)
        return (weightSharing == .expand ? positions : 1, max(geometry.inputs, geometry.outputs))
    }

    public func accumulate(_ record: LayerRecord, newExamples: Int) {
        sums.add(
            inputs: factorRows(geometry.inputRows(record), mean: true),
            outputs: factorRows(geometry.outputRows(record), mean: false),
            newExamples: newExamples, hasBias: geometry.hasBias)
    }

    /// (groups x) rows x columns: one row per example and position, or per example where positions are merged.
    private func factorRows(_ rows: Tensor, mean: Bool) -> Tensor {
        let rows = rows.toFactorPrecision()
        switch weightSharing {
        case .expand: return rows.reshaped(batch + [-1, rows.size(-1)])
        case .reduce: return mean ? rows.mean([-2]) : rows.sum([-2])
        }
    }

    public func takeStatistics(gradientScale: Double) -> [Tensor] {
        defer { sums = KroneckerSums() }
        return sums.factors(gradientScale: gradientScale)
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

    public var state: [String: Tensor] {
        [
            "input_factor": A.value, "output_factor": G.value, "input_inverse": inverseA, "output_inverse": inverseG,
            "input_damping": dampingA, "output_damping": dampingG,
        ].compactMapValues { $0 }
    }

    public var stateShapes: [String: [Int]] {
        let input = batch + [geometry.inputs, geometry.inputs]
        let output = batch + [geometry.outputs, geometry.outputs]
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
    }
}

extension Tensor {
    /// Factors are kept in float32 at least, whatever the model's type.
    func toFactorPrecision() -> Tensor { dtype == .float64 ? self : to(.float32) }
}
