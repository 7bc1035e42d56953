import Torch

/// The mathematics of an optimizer that needs nothing but gradients. ``GradientOptimizer`` does the rest: it gathers
/// the gradients, skips what is not finite, keeps and saves the buffers.
///
/// ```swift
/// struct SignDescent: UpdateRule {
///     func update(_ parameters: [ParameterState], gradients: [Tensor], learningRate: Double) {
///         for (state, gradient) in zip(parameters, gradients) {
///             state.value.copy(from: state.value - learningRate * gradient / gradient.absolute())
///         }
///     }
/// }
/// let optimizer = try GradientOptimizer(model, learningRate: 1e-3, rule: SignDescent())
/// ```
public protocol UpdateRule: Sendable {
    /// What is out of range, each with name, value and legal range; empty when all is well.
    var problems: [String] { get }

    /// What a parameter keeps from step to step, by name, as it is before the first update. Only names and shapes
    /// matter when a saved state is checked. Made when the parameter is first updated: frozen ones have none.
    func initialBuffers(for parameter: Tensor) -> [String: Tensor]

    /// Changes the parameters' values and buffers in place.
    /// - Parameters:
    ///   - parameters: those that have a gradient in this step.
    ///   - gradients: one for each, finite.
    func update(_ parameters: [ParameterState], gradients: [Tensor], learningRate: Double)
}

extension UpdateRule {
    public var problems: [String] { [] }
    public func initialBuffers(for parameter: Tensor) -> [String: Tensor] { [:] }
}

/// What an optimizer knows of one parameter.
public final class ParameterState {
    /// The parameter's name in the model.
    public let name: String
    /// The parameter.
    public let parameter: Parameter
    /// How many updates it had; while a rule works, the one under way included.
    public internal(set) var stepCount = 0
    /// What the rule keeps from step to step, by the rule's names. Empty before the first update.
    public var buffers: [String: Tensor] = [:]
    /// 0 for the parameters in no group, else the group's number.
    var group = 0

    init(name: String, parameter: Parameter) {
        self.name = name
        self.parameter = parameter
    }

    /// The parameter's value, outside of any graph: in-place changes are seen by the model.
    public var value: Tensor { parameter.value.detached() }
}

extension [ParameterState] {
    /// The buffer of that name of every parameter.
    func buffers(_ name: String) -> [Tensor] {
        map { state in
            guard let buffer = state.buffers[name] else {
                preconditionFailure("the rule uses a buffer '\(name)' that its initialBuffers(for:) does not have")
            }
            return buffer
        }
    }
}

