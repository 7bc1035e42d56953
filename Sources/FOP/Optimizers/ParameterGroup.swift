import Torch

/// Parameters that an optimizer treats in their own way, as torch's parameter groups.
///
/// ```swift
/// let optimizer = try SGD(
///     model, learningRate: 0.1, weightDecay: 5e-4,
///     groups: [
///         ParameterGroup(model.head.parameters, learningRate: 0.01),
///         ParameterGroup(normalizationParameters) { $0.weightDecay = 0 },
///     ])
/// ```
///
/// Parameters in no group are treated as the optimizer's own arguments say: none is left out.
public struct ParameterGroup<Rule> {
    /// The parameters, by identity. A parameter can be in one group only.
    public var parameters: [Parameter]
    /// The group's learning rate when the optimizer is made; nil for the optimizer's. Later assignments to the
    /// optimizer's ``Optimizer/learningRate`` change all rates in proportion, as torch's schedulers do.
    public var learningRate: Double?
    /// Changes the rule's settings for the group; the others follow the optimizer's.
    public var configure: (inout Rule) -> Void

    public init(
        _ parameters: [Parameter], learningRate: Double? = nil, configure: @escaping (inout Rule) -> Void = { _ in }
    ) {
        self.parameters = parameters
        self.learningRate = learningRate
        self.configure = configure
    }
}
