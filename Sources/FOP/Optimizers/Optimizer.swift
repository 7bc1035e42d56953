import FOPCore
import Torch

/// What every optimizer can do: gather gradients, step, save and load its state.
///
/// ```swift
/// let optimizer = SGD(model, learningRate: 0.1)        // or FOP(model, learningRate: 0.1)
/// for (images, labels) in batches {
///     let loss = crossEntropy(model(images), labels)
///     try optimizer.backward(loss)                      // several times for gradient accumulation
///     try optimizer.step()
/// }
/// ```
public protocol Optimizer: AnyObject {
    /// The step size. Schedules assign it between steps.
    var learningRate: Double { get set }

    /// What ``backward(_:)`` multiplies the loss with, and the step divides out again: keeps small gradients of
    /// low-precision types from becoming 0. 1 by default; ``LossScaler`` finds it. Assign it between steps only.
    var lossScale: Double { get set }

    /// How many steps changed the parameters.
    var stepCount: Int { get }

    /// How many steps were left out because something was not finite.
    var skippedStepCount: Int { get }

    /// Back-propagates `loss`, a tensor of one element, and adds what the next step needs to what is gathered already.
    /// Frees the loss's graph.
    func backward(_ loss: Tensor) throws

    /// The same for a loss that is the part of some of the batch's examples in the batch's loss; see
    /// ``backward(batchSize:sliceSize:reduction:loss:)``.
    func backward(_ loss: Tensor, slice: BatchSlice) throws

    /// Changes the parameters by what was gathered since the last step, and lets go of it.
    /// - Throws: when nothing was gathered, or when too many steps in a row were not finite.
    @discardableResult func step() throws -> StepOutcome

    /// Lets go of what was gathered since the last step.
    func discardGradients()

    /// Everything a resumed run needs besides the model, by name. The tensors are the optimizer's own: save or copy
    /// them.
    var state: [String: Tensor] { get }

    /// Goes on from a saved ``state``.
    /// - Throws: ``TorchError/stateMismatch(_:)`` naming the first key or shape that differs; then nothing has changed.
    func load(_ state: [String: Tensor]) throws
}

/// What a step did.
public enum StepOutcome: Equatable, Sendable {
    /// The parameters moved.
    case applied
    /// Gradients or statistics were not finite: nothing changed, the step was counted as skipped.
    case skipped
}
