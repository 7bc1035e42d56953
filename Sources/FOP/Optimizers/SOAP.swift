import Torch

/// Adam in the eigenbasis of Shampoo's matrices (Vyas et al. 2024, arXiv 2409.11321).
///
/// For each dimension of a parameter a moving average of the gradient's Gram matrix is kept, and an orthogonal basis
/// that follows its eigenvectors by one power iteration and QR every `interval` steps. Adam's squares are averages in
/// that basis; its average of gradients is turned into the basis, divided, and turned back. The first step makes the
/// bases and moves nothing; weight decay is decoupled and comes last. As pytorch-optimizer's SOAP, without its
/// `normalize_gradient`.
///
/// Differences: convolution kernels count as matrices of outputs x everything else unless ``SOAPRule/kernelShape`` says
/// otherwise, and the QR of float64 matrices is not cut down to float32. As there, a dimension above
/// `maximumDimension`, and vectors unless ``SOAPRule/preconditionsVectors``, get no basis: a vector then has Adam's
/// step. Each parameter counts its own steps.
public final class SOAP: GradientOptimizer<SOAPRule> {
    /// - Parameters:
    ///   - learningRate: the step size, 0 or above.
    ///   - betas: the shares that the averages of gradients and of their squares keep, 0 to below 1.
    ///   - epsilon: added to the root of the squares' average, 0 or above.
    ///   - weightDecay: the share of a parameter that goes per step and unit of learning rate, 0 or above.
    ///   - interval: every how many steps the bases follow.
    ///   - maximumDimension: larger dimensions get no basis.
    ///   - groups: parameters that are treated in their own way.
    /// - Throws: ``TorchError/invalidValue(_:)`` that lists everything that is out of range, with the legal range.
    public init(
        _ model: Module, learningRate: Double = 3e-3, betas: (Double, Double) = (0.95, 0.95), epsilon: Double = 1e-8,
        weightDecay: Double = 1e-2, interval: Int = 10, maximumDimension: Int = 10_000,
        groups: [ParameterGroup<SOAPRule>] = []
    ) throws {
        var rule = SOAPRule(betas: betas, epsilon: epsilon, weightDecay: weightDecay)
        rule.interval = interval
        rule.maximumDimension = maximumDimension
        try super.init(model, learningRate: learningRate, rule: rule, groups: groups)
    }
}

/// What ``SOAP`` does.
public struct SOAPRule: UpdateRule {
    /// The shares that the averages of gradients and of their squares keep, 0 to below 1.
    public var betas: (Double, Double)
    /// The share that the averages of Gram matrices keep, 0 to below 1; nil for the second of ``betas``.
    public var statisticsBeta: Double?
    /// Added to the root of the squares' average, 0 or above.
    public var epsilon: Double
    /// The share of a parameter that goes per step and unit of learning rate, 0 or above.
    public var weightDecay: Double
    /// Every how many steps the bases follow.
    public var interval = 10
    /// Larger dimensions get no basis.
    public var maximumDimension = 10_000
    /// Whether vectors get a basis.
    public var preconditionsVectors = false
    /// Whether Adam's averages are corrected for their start from 0.
    public var correctsBias = true
    /// How convolution kernels are seen. Cannot be changed once a parameter was updated.
    public var kernelShape = KernelShape.matrix

    public init(betas: (Double, Double) = (0.95, 0.95), epsilon: Double = 1e-8, weightDecay: Double = 1e-2) {
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    public var problems: [String] {
        var checks = SettingChecks()
        checks.share("betas.0", betas.0)
        checks.share("betas.1", betas.1)
        if let statisticsBeta { checks.share("statisticsBeta", statisticsBeta) }
        checks.nonNegative("epsilon", epsilon)
        checks.nonNegative("weightDecay", weightDecay)
        checks.count("interval", interval)
        checks.count("maximumDimension", maximumDimension)
        return checks.problems
    }

    public func initialBuffers(for parameter: Tensor) -> [String: Tensor] {
        let shape = kernelShape.apply(to: parameter.shape)
        var buffers = ["average": Tensor.zeros(shape, like: parameter), "square": Tensor.zeros(shape, like: parameter)]
        for dimension in basisDimensions(shape) {
            let square = [shape[dimension], shape[dimension]]
            buffers["statistics\(dimension)"] = Tensor.zeros(square, like: parameter)
            buffers["basis\(dimension)"] = Tensor.zeros(square, like: parameter)
        }
        return buffers
    }

    /// The dimensions that have a basis.
    private func basisDimensions(_ shape: [Int]) -> [Int] {
        guard shape.count > 1 || (shape.count == 1 && preconditionsVectors) else { return [] }
        return shape.indices.filter { shape[$0] <= maximumDimension }
    }

    public func update(_ parameters: [ParameterState], gradients: [Tensor], learningRate: Double) {
        for (state, gradient) in zip(parameters, gradients) {
            let gradient = gradient.reshaped(kernelShape.apply(to: gradient.shape))
            if state.stepCount > 1 { step(state, gradient, learningRate: learningRate) }
            follow(state, gradient)
        }
    }

    private func step(_ state: ParameterState, _ gradient: Tensor, learningRate: Double) {
        let average = [state].buffers("average")[0]
        let square = [state].buffers("square")[0]
        [average].lerpInPlace(to: [gradient], weight: 1 - betas.0)
        [square].lerpInPlace(to: [turned(gradient, state).squared()], weight: 1 - betas.1)
        let direction = turned(turned(average, state) / (square.squareRoot() + epsilon), state, back: true)
        var rate = learningRate
        if correctsBias {
            let steps = state.stepCount - 1
            rate *= biasCorrection(betas.1, steps).squareRoot() / biasCorrection(betas.0, steps)
        }
        state.value.subtractInPlace(direction.reshaped(state.value.shape), scale: rate)
        state.value.multiplyInPlace(by: 1 - learningRate * weightDecay)
    }

    /// A gradient in the parameter's basis, or back from it.
    private func turned(_ tensor: Tensor, _ state: ParameterState, back: Bool = false) -> Tensor {
        guard tensor.rank > 0 else { return tensor }
        var result = tensor
        for dimension in 0..<tensor.rank {
            // Each round treats the first dimension and puts it last: after all rounds they are where they were.
            if let basis = state.buffers["basis\(dimension)"] {
                result = result.contractingFirst(with: basis, back ? 1 : 0)
            } else {
                result = result.rolled()
            }
        }
        return result
    }

    /// Takes a gradient into the Gram matrices, and lets the bases follow when it is time.
    private func follow(_ state: ParameterState, _ gradient: Tensor) {
        let isFirst = state.stepCount == 1
        let isDue = !isFirst && (state.stepCount - 1) % interval == 0
        for dimension in basisDimensions(gradient.shape) {
            let statistics = [state].buffers("statistics\(dimension)")[0]
            [statistics].lerpInPlace(to: [gradient.gram(dimension)], weight: 1 - (statisticsBeta ?? betas.1))
            let basis = [state].buffers("basis\(dimension)")[0]
            if isFirst { basis.copy(from: eigenbasis(statistics)) }
            if isDue { refresh(basis, statistics, state, dimension) }
        }
    }

    /// Eigenvectors, those of the largest eigenvalues first; the identity when there are none to be found.
    private func eigenbasis(_ statistics: Tensor) -> Tensor {
        let size = statistics.size(0)
        guard let vectors = statistics.eigenIfPossible()?.vectors else {
            return Tensor.identity(size, dtype: statistics.dtype, device: statistics.device)
        }
        return vectors.indexSelect(1, Tensor((0..<size).map { size - 1 - $0 }, device: statistics.device))
    }

    /// One power iteration and QR, sorted by what the eigenvalues seem to be; Adam's squares move with their vectors.
    private func refresh(_ basis: Tensor, _ statistics: Tensor, _ state: ParameterState, _ dimension: Int) {
        let product = statistics.mm(basis)
        let order = (basis * product).sum([0]).descendingOrder()
        let square = [state].buffers("square")[0]
        square.copy(from: square.indexSelect(dimension, order))
        basis.copy(from: product.indexSelect(1, order).orthogonalFactor())
    }
}

extension Tensor {
    /// Zeros of the given shape, of another tensor's type and device.
    static func zeros(_ shape: [Int], like other: Tensor) -> Tensor {
        .zeros(shape, dtype: other.dtype, device: other.device)
    }
}
