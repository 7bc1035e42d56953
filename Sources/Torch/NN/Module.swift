import TorchCore

/// A part of a model: it owns parameters, buffers and other modules, and finds them by itself.
///
/// Subclass it, keep the parts in stored properties (also arrays, optionals and dictionaries of them), and they have
/// the names that torch gives them: property names joined by dots, array indices as numbers. An underscore at the
/// beginning of a property's name is dropped. Names can be changed by overriding ``children``.
open class Module {
    /// Whether the module behaves as in training: dropout drops, batch normalisation uses the batch's statistics.
    /// Set it for a whole model with ``train(_:)``.
    public private(set) var isTraining = true

    /// Who wants this layer's inputs and output gradients: an optimizer that preconditions it. Set by the optimizer.
    public weak var observer: (any LayerObserver)?

    /// A module in training mode, without an observer.
    public init() {
        // Layers are the first thing that a program makes: the fast gate and the allocator are set up here.
        TorchRuntime.start()
    }

    /// The parts, in the order of declaration, by name.
    open var children: [(name: String, part: ModulePart)] { reflectedChildren(of: self) }

    /// Makes this module and all within it behave as in training, or not.
    public func train(_ training: Bool = true) {
        forEachModule { _, module in module.isTraining = training }
    }

    /// Makes this module and all within it behave as in use: `train(false)`.
    public func evaluate() { train(false) }
}

/// What a module can hold.
public enum ModulePart {
    case parameter(Parameter)
    case buffer(Buffer)
    case module(Module)
}

/// A module with one tensor in and one out.
public protocol Layer: Module {
    /// The layer's output for an input.
    func callAsFunction(_ input: Tensor) -> Tensor
}

/// Receives what passes through layers. Implemented by optimizers that need more than weight gradients.
public protocol LayerObserver: AnyObject {
    /// Called by a layer with its input and its output before any non-linearity; returns what the layer is to return,
    /// usually the output with a ``GradientAnchor`` tap on it.
    /// - Parameter context: what else the layer can tell, such as the statistics a normalisation used.
    func observe(_ layer: Module, input: Tensor, output: Tensor, context: LayerContext) -> Tensor
}

/// What a layer can tell an observer besides input and output.
public enum LayerContext {
    case none
    /// The mean and the inverse standard deviation that a normalisation subtracted and multiplied with: per channel
    /// (``BatchNorm``), N x groups (``GroupNorm``), or the input's shape with 1 for the normalised dimensions
    /// (``LayerNorm``, and ``RMSNorm``, whose mean is 0).
    case normalization(mean: Tensor, inverseStandardDeviation: Tensor)
    /// What a convolution multiplied its weight with, N x (channels * kernel) x positions, where it has formed that.
    case patches(Tensor)
}

extension Module {
    /// Shows a layer's input and output to its observer. Layers call it once per forward pass.
    /// - Parameter context: made only when there is somebody to see it.
    public func observed(
        input: Tensor, output: Tensor, context: @autoclosure () -> LayerContext = .none
    ) -> Tensor {
        guard let observer, GradMode.isEnabled else { return output }
        return observer.observe(self, input: input, output: output, context: context())
    }
}
