import TorchCore

/// What a step found, still on the device: nothing waits for it until ``read()``.
struct StepFindings {
    /// Of blocks with equally many sub-batches, whose last dimension is the block.
    let parts: [(blocks: [Int], scalars: ProjectionScalars)]
    /// The learning rate of each block.
    let learningRates: [Double]
    let damping: Double
    let trustRegionScale: Tensor?
    let noise: (variance: Tensor, square: Tensor)?

    /// The same as numbers, with one transfer from the device.
    func read() -> StepDiagnostics {
        let found = parts.flatMap { part in
            part.blocks.enumerated().map { (block: $1, scalars: part.scalars.layer($0)) }
        }.sorted { $0.block < $1.block }
        let one = Tensor.ones([1], dtype: .float64)
        let layers = found.flatMap(\.scalars.tensors)
        let common = [trustRegionScale ?? one, noise?.variance ?? one, noise?.square ?? one]
        let numbers = Tensor.concatenated(
            (layers + common).map { $0.to(.float64).to(.cpu).reshaped([-1]) }, 0
        ).scalars(as: Double.self)
        var rest = numbers[...]
        func take(_ count: Int) -> [Double] {
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        let read = found.map {
            LayerDiagnostics(block: $0.block, learningRate: learningRates[$0.block], $0.scalars.read(take))
        }
        let scale = take(1)[0]
        let (variance, square) = (take(1)[0], take(1)[0])
        return StepDiagnostics(
            layers: read, damping: damping, trustRegionScale: scale,
            gradientNoiseScale: noise == nil || square <= 0 ? nil : max(variance, 0) / square)
    }
}

/// What a step found.
public struct StepDiagnostics: Equatable, Sendable {
    /// One entry per block that something passed through.
    public let layers: [LayerDiagnostics]
    /// lambda, as it was at the step.
    public let damping: Double
    /// What all directions were multiplied with to stay in the trust region; 1 where they did by themselves.
    public let trustRegionScale: Double
    /// The batch size beyond which more examples no longer pay (McCandlish et al. 2018), over all preconditioned
    /// parameters; nil when it was not measured, or when noise hides the gradient altogether.
    public let gradientNoiseScale: Double?

    /// The Kullback-Leibler divergence between the model before and after the step, to second order, momentum left out.
    public var klNorm: Double { layers.reduce(0) { $0 + $1.klNorm } * trustRegionScale * trustRegionScale }
}

/// What a step found for one layer.
public struct LayerDiagnostics: Equatable, Sendable {
    /// The index of the block.
    public let block: Int
    /// Equations 4 and 16: one number for two sub-batches, k - 1 for k.
    public let s, beta: [Double]
    /// Equation 17.
    public let eta: Double
    /// Equation 13; E row by row.
    public let B: Double
    public let D, E: [Double]
    /// The length of the correction relative to that of the mean step, in the norm of M^-1: 0 to 1 at the paper's beta.
    public let correctionShare: Double
    /// The terms of the step's KL norm, 1/2 lr^2 <d, M d> (equations 19 to 22), before the trust region: of the mean step,
    /// of both together, and of the correction. M takes the place of F: they differ by the damping.
    public let klBase, klCross, klOrthogonal: Double

    /// Their sum.
    public var klNorm: Double { klBase + klCross + klOrthogonal }

    init(block: Int, learningRate: Double, _ numbers: ProjectionScalars.Numbers) {
        self.block = block
        (s, beta, eta, B, D, E) = (numbers.s, numbers.beta, numbers.eta, numbers.B, numbers.D, numbers.E)
        correctionShare = numbers.B > 0 ? (max(numbers.square, 0) / numbers.B).squareRoot() : 0
        let half = 0.5 * learningRate * learningRate * numbers.eta * numbers.eta
        (klBase, klCross, klOrthogonal) = (half * numbers.B, half * 2 * numbers.cross, half * numbers.square)
    }
}

extension ProjectionScalars {
    struct Numbers {
        let s, beta, D, E: [Double]
        let eta, B, cross, square: Double
    }

    var tensors: [Tensor] { [s, beta, eta, B, D, E, cross, square] }

    /// The members from a list of numbers in the order of ``tensors``.
    func read(_ take: (Int) -> [Double]) -> Numbers {
        let parts = tensors.map { take($0.count) }
        return Numbers(
            s: parts[0], beta: parts[1], D: parts[4], E: parts[5], eta: parts[2][0], B: parts[3][0],
            cross: parts[6][0], square: parts[7][0])
    }
}
