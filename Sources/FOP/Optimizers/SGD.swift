import FOPCore
import Torch

/// Stochastic gradient descent with momentum: `torch.optim.SGD`.
///
/// With g the gradient plus `weightDecay` W: b <- momentum b + (1 - dampening) g (b = g at first), W <- W - lr b, or
/// W - lr (g + momentum b) with Nesterov's variant.
///
/// ```swift
/// let optimizer = try SGD(model, learningRate: 0.1, momentum: 0.9, weightDecay: 5e-4)
/// ```
public final class SGD: GradientOptimizer<SGDRule> {
    /// - Parameters:
    ///   - learningRate: the step size, 0 or above.
    ///   - momentum: the share of the velocity that is kept, 0 to below 1.
    ///   - dampening: the share of a gradient that does not enter the velocity, 0 to 1.
    ///   - weightDecay: added to the gradient as `weightDecay` W (not decoupled), 0 or above.
    ///   - nesterov: whether to step ahead by the momentum; needs momentum and no dampening.
    ///   - groups: parameters that are treated in their own way.
    /// - Throws: ``TorchError/invalidValue(_:)`` that lists everything that is out of range, with the legal range.
    public init(
        _ model: Module, learningRate: Double, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
        nesterov: Bool = false, groups: [ParameterGroup<SGDRule>] = []
    ) throws {
        let rule = SGDRule(
            momentum: momentum, dampening: dampening, weightDecay: weightDecay, nesterov: nesterov)
        try super.init(model, learningRate: learningRate, rule: rule, groups: groups)
    }
}

/// What ``SGD`` does.
public struct SGDRule: UpdateRule, Equatable {
    /// The share of the velocity that is kept, 0 to below 1.
    public var momentum: Double
    /// The share of a gradient that does not enter the velocity, 0 to 1.
    public var dampening: Double
    /// Added to the gradient as `weightDecay` W, 0 or above.
    public var weightDecay: Double
    /// Whether to step ahead by the momentum.
    public var nesterov: Bool

    public init(momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0, nesterov: Bool = false) {
        self.momentum = momentum
        self.dampening = dampening
        self.weightDecay = weightDecay
        self.nesterov = nesterov
    }

    public var problems: [String] {
        var checks = SettingChecks()
        checks.share("momentum", momentum)
        checks.require(dampening >= 0 && dampening <= 1, "dampening", dampening, "a number from 0 to 1")
        checks.nonNegative("weightDecay", weightDecay)
        if nesterov {
            checks.require(momentum > 0, "momentum", momentum, "a number above 0 with nesterov")
            checks.require(dampening == 0, "dampening", dampening, "0 with nesterov")
        }
        return checks.problems
    }

    public func initialBuffers(for parameter: Tensor) -> [String: Tensor] {
        momentum == 0 ? [:] : ["momentum": parameter.zerosLike()]
    }

    public func update(_ parameters: [ParameterState], gradients: [Tensor], learningRate: Double) {
        updateByParts(parameters, gradients) { parameters, gradients, isFirst in
            applySGD(
                parameters.map(\.value), gradients: gradients,
                buffers: momentum == 0 ? [] : parameters.buffers("momentum"), learningRate: learningRate,
                momentum: momentum, dampening: dampening, weightDecay: weightDecay, nesterov: nesterov,
                isFirstStep: isFirst)
        }
    }

    /// Fused operators want one type and device, and treat all buffers as new or none.
    private func updateByParts(
        _ parameters: [ParameterState], _ gradients: [Tensor], _ body: ([ParameterState], [Tensor], Bool) -> Void
    ) {
        struct Part: Hashable {
            let kind: TensorKind
            let isFirst: Bool
        }
        let parts = grouped(zip(parameters, gradients)) { state, _ in
            Part(kind: TensorKind(state.parameter.value), isFirst: state.stepCount == 1)
        }
        for (part, pairs) in parts { body(pairs.map(\.0), pairs.map(\.1), part.isFirst) }
    }
}
