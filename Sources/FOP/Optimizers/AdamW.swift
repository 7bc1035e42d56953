import FOPCore
import Torch

/// Adam with decoupled weight decay (Loshchilov & Hutter 2019): `torch.optim.AdamW`.
///
/// W <- W - lr weightDecay W, m <- beta1 m + (1 - beta1) g, v <- beta2 v + (1 - beta2) g^2, and with t the number of
/// the parameter's updates W <- W - lr m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon).
///
/// ```swift
/// let optimizer = try AdamW(model, learningRate: 1e-3)
/// ```
public final class AdamW: GradientOptimizer<AdamWRule> {
    /// - Parameters:
    ///   - learningRate: the step size, 0 or above.
    ///   - betas: the shares that the averages of gradients and of their squares keep, 0 to below 1.
    ///   - epsilon: added to the root of the squares' average, 0 or above.
    ///   - weightDecay: the share of a parameter that goes per step and unit of learning rate, 0 or above.
    ///   - groups: parameters that are treated in their own way.
    /// - Throws: ``TorchError/invalidValue(_:)`` that lists everything that is out of range, with the legal range.
    public init(
        _ model: Module, learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
        weightDecay: Double = 1e-2, groups: [ParameterGroup<AdamWRule>] = []
    ) throws {
        let rule = AdamWRule(betas: betas, epsilon: epsilon, weightDecay: weightDecay)
        try super.init(model, learningRate: learningRate, rule: rule, groups: groups)
    }
}

/// What ``AdamW`` does.
public struct AdamWRule: UpdateRule {
    /// The shares that the averages of gradients and of their squares keep, 0 to below 1.
    public var betas: (Double, Double)
    /// Added to the root of the squares' average, 0 or above.
    public var epsilon: Double
    /// The share of a parameter that goes per step and unit of learning rate, 0 or above.
    public var weightDecay: Double

    public init(betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 1e-2) {
        self.betas = betas
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    public var problems: [String] {
        var checks = SettingChecks()
        checks.share("betas.0", betas.0)
        checks.share("betas.1", betas.1)
        checks.nonNegative("epsilon", epsilon)
        checks.nonNegative("weightDecay", weightDecay)
        return checks.problems
    }

    public func initialBuffers(for parameter: Tensor) -> [String: Tensor] {
        ["average": parameter.zerosLike(), "square": parameter.zerosLike()]
    }

    public func update(_ parameters: [ParameterState], gradients: [Tensor], learningRate: Double) {
        for (kind, pairs) in grouped(zip(parameters, gradients), by: { state, _ in TensorKind(state.value) }) {
            let states = pairs.map(\.0)
            applyAdamW(
                states.map(\.value), gradients: pairs.map(\.1), averages: states.buffers("average"),
                squares: states.buffers("square"),
                // The count before this step: the operator raises it.
                steps: states.map { Tensor.full([], Double($0.stepCount - 1), device: kind.device) },
                learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay)
        }
    }
}
