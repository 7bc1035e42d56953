import Torch

/// Adam with a step of each parameter's own length, for large batches (You et al. 2020, arXiv 1904.00962).
///
/// With m and v Adam's averages, bias-corrected: r = m / (sqrt(v) + epsilon) + weightDecay W, and
/// W <- W - lr ||W|| / (||r|| + epsilon) r. Where one of the norms is 0 the ratio is 1.
///
/// Differences: the paper has no epsilon beside ||r||, and bounds ||W|| by a function that it leaves open, here
/// ``LAMBRule/maximumWeightNorm``. pytorch-optimizer bounds it at 10, corrects the bias of m alone and outside of the
/// ratio, and by default takes the weight decay out of the ratio.
public final class LAMB: GradientOptimizer<LAMBRule> {
    /// - Parameters:
    ///   - learningRate: the step size as a share of a parameter's norm, 0 or above.
    ///   - betas: the shares that the averages of gradients and of their squares keep, 0 to below 1.
    ///   - epsilon: added to denominators, above 0.
    ///   - weightDecay: the share of the parameter in the direction, 0 or above.
    ///   - groups: parameters that are treated in their own way.
    /// - Throws: ``TorchError/invalidValue(_:)`` that lists everything that is out of range, with the legal range.
    public init(
        _ model: Module, learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-6,
        weightDecay: Double = 1e-2, groups: [ParameterGroup<LAMBRule>] = []
    ) throws {
        let rule = LAMBRule(betas: betas, epsilon: epsilon, weightDecay: weightDecay)
        try super.init(model, learningRate: learningRate, rule: rule, groups: groups)
    }
}

/// What ``LAMB`` does.
public struct LAMBRule: UpdateRule {
    /// The shares that the averages of gradients and of their squares keep, 0 to below 1.
    public var betas: (Double, Double)
    /// Added to denominators, above 0.
    public var epsilon: Double
    /// The share of the parameter in the direction, 0 or above.
    public var weightDecay: Double
    /// Whether the averages are corrected for their start from 0: the paper's last version does, early ones do not.
    public var correctsBias = true
    /// A parameter's norm counts as no more than this; nil for no bound.
    public var maximumWeightNorm: Double?

    public init(betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-6, weightDecay: Double = 1e-2) {
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    public var problems: [String] {
        var checks = SettingChecks()
        checks.share("betas.0", betas.0)
        checks.share("betas.1", betas.1)
        checks.positive("epsilon", epsilon)
        checks.nonNegative("weightDecay", weightDecay)
        if let maximumWeightNorm { checks.positive("maximumWeightNorm", maximumWeightNorm) }
        return checks.problems
    }

    public func initialBuffers(for parameter: Tensor) -> [String: Tensor] {
        ["average": parameter.zerosLike(), "square": parameter.zerosLike()]
    }

    public func update(_ parameters: [ParameterState], gradients: [Tensor], learningRate: Double) {
        let averages = parameters.buffers("average")
        let squares = parameters.buffers("square")
        averages.lerpInPlace(to: gradients, weight: 1 - betas.0)
        squares.lerpInPlace(to: gradients.map { $0.squared() }, weight: 1 - betas.1)
        for ((state, average), square) in zip(zip(parameters, averages), squares) {
            let correction = (bias(betas.0, state.stepCount), bias(betas.1, state.stepCount))
            let root = (square / correction.1).squareRoot() + epsilon
            let direction = average / correction.0 / root + weightDecay * state.value
            state.value.subtractInPlace(direction * ratio(state.value, direction), scale: learningRate)
        }
    }

    private func bias(_ beta: Double, _ steps: Int) -> Double { correctsBias ? biasCorrection(beta, steps) : 1 }

    /// ||W|| / ||r||, or 1.
    private func ratio(_ parameter: Tensor, _ direction: Tensor) -> Tensor {
        var length = parameter.norm()
        if let maximumWeightNorm { length = length.clamped(max: maximumWeightNorm) }
        let step = direction.norm()
        let bothCount = length.isGreater(than: 0).logicalAnd(step.isGreater(than: 0))
        return Tensor.select(bothCount, length / (step + epsilon), length.onesLike())
    }
}
