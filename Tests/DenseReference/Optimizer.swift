/// What can be set about the reference optimizer.
public struct ReferenceOptions: Sendable {
    public var damping = 1e-2
    public var emaDecay = 0.9
    public var factorInterval = 1
    public var inverseInterval = 1
    /// For each layer the steps of an interval after which it is updated; nil for all of them, and the last one, of each
    /// layer. All are updated at the first step.
    public var offsets: [Int]?
    public var policies = ReferencePolicies()
    public var klClip: Double?
    public var momentum = 0.0
    public var weightDecay = 0.0

    public init() {}
}

/// Section 6 of the algorithm, with section 4's halves, on plain vectors and full matrices.
public final class ReferenceOptimizer {
    /// What is kept for one layer from step to step.
    public struct LayerState {
        /// The moving averages of the factors.
        public var factors: [Matrix] = []
        /// M as it was at the last inversion.
        public var damped: Matrix?
        public var momentum: [Double]
    }

    public let blocks: [ReferenceBlock]
    public let options: ReferenceOptions
    public private(set) var layers: [LayerState]
    /// What the last step found for each layer.
    public private(set) var lastSteps: [ReferenceStep] = []
    private var stepCount = 0

    /// - Parameter sizes: the numbers of parameters of the layers.
    public init(_ blocks: [ReferenceBlock], sizes: [Int], options: ReferenceOptions) {
        self.blocks = blocks
        self.options = options
        layers = sizes.map { LayerState(momentum: [Double](repeating: 0, count: $0)) }
    }

    /// New weights of all layers.
    /// - Parameter microBatches: for each micro-batch, for each layer, the examples.
    public func step(
        _ weights: [[Double]], _ microBatches: [[[LayerExample]]], learningRate: Double
    ) -> [[Double]] {
        zip(weights, directions(microBatches, learningRate: learningRate)).enumerated().map { index, pair in
            let (weight, direction) = pair
            layers[index].momentum = combine(direction, options.momentum, layers[index].momentum)
            let change = combine(layers[index].momentum, options.weightDecay, weight)
            return combine(weight, -learningRate, change)
        }
    }

    /// d of all layers.
    public func directions(_ microBatches: [[[LayerExample]]], learningRate: Double) -> [[Double]] {
        updateFactors(layers.indices.filter { isDue($0, options.factorInterval) }, microBatches)
        updateDamped(layers.indices.filter { isDue($0, options.inverseInterval) })
        stepCount += 1
        lastSteps = layers.indices.map { index in
            let (first, second) = compared(microBatches.map { $0[index] })
            return ReferenceStep(
                meanGradient(first), meanGradient(second), fisher: blocks[index].fisher(layers[index].factors),
                damped: layers[index].damped!, policies: options.policies)
        }
        let scale = trustRegionScale(learningRate)
        return lastSteps.map { $0.direction.map { scale * $0 } }
    }

    /// The examples of g1 and g2. K-FAC is the case g1 = g2: both are the mean over all.
    private func compared(_ microBatches: [[LayerExample]]) -> (first: [LayerExample], second: [LayerExample]) {
        guard case .zero = options.policies.beta else { return halves(microBatches) }
        let all = Array(microBatches.joined())
        return (all, all)
    }

    private func isDue(_ index: Int, _ interval: Int) -> Bool {
        stepCount == 0 || (stepCount - (options.offsets?[index] ?? 0)) % interval == 0
    }

    private func updateFactors(_ due: [Int], _ microBatches: [[[LayerExample]]]) {
        for index in due {
            let new = blocks[index].statistics(microBatches.flatMap { $0[index] })
            let old = layers[index].factors
            layers[index].factors =
                old.isEmpty ? new : zip(old, new).map { options.emaDecay * $0 + (1 - options.emaDecay) * $1 }
        }
    }

    private func updateDamped(_ due: [Int]) {
        for index in due {
            layers[index].damped = blocks[index].damped(layers[index].factors, options.damping)
        }
    }

    private func trustRegionScale(_ learningRate: Double) -> Double {
        guard let kappa = options.klClip else { return 1 }
        let gain = lastSteps.reduce(0) { $0 + $1.gain }
        return min(1, (kappa / (learningRate * learningRate * gain)).squareRoot())
    }
}

/// The examples of the two sub-batches: halves of one micro-batch, the first one larger by one where N is odd; or
/// micro-batches 1 to m/2 and the others. A single example is both.
public func halves(_ microBatches: [[LayerExample]]) -> (first: [LayerExample], second: [LayerExample]) {
    if microBatches.count > 1 {
        let middle = (microBatches.count + 1) / 2
        return (Array(microBatches[..<middle].joined()), Array(microBatches[middle...].joined()))
    }
    let batch = microBatches[0]
    if batch.count == 1 { return (batch, batch) }
    let middle = (batch.count + 1) / 2
    return (Array(batch[..<middle]), Array(batch[middle...]))
}

/// The mean of the examples' own gradients.
public func meanGradient(_ examples: [LayerExample]) -> [Double] { mean(examples.map(\.gradient)) }
