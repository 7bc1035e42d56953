import TorchCore

/// A tensor that training changes. The object is the parameter's identity: two layers that hold the same one share it.
public final class Parameter: @unchecked Sendable {
    /// The value. Assigning one makes it a leaf that requires a gradient exactly when the parameter does.
    public var value: Tensor {
        didSet { value.setRequiresGradient(requiresGradient) }
    }

    /// Whether training changes it: false freezes it.
    public var requiresGradient: Bool {
        didSet { value.setRequiresGradient(requiresGradient) }
    }

    /// - Parameter value: taken as it is, not copied.
    public init(_ value: Tensor, requiresGradient: Bool = true) {
        self.value = value.detached()
        self.requiresGradient = requiresGradient
        self.value.setRequiresGradient(requiresGradient)
    }

    /// The sizes of the value.
    public var shape: [Int] { value.shape }
}

/// A tensor of a layer that training does not change by gradients: running means, masks. It is saved with the model.
public final class Buffer: @unchecked Sendable {
    /// The value.
    public var value: Tensor
    /// The value before the step that is under way.
    private var settled: Tensor?

    /// - Parameter value: taken as it is, not copied.
    public init(_ value: Tensor) { self.value = value }

    /// Replaces the value in a forward pass of training: for good once an optimizer calls ``settle()`` after its step,
    /// not at all if the step is left out and it calls ``revert()``. In passes without gradients, for good at once.
    public func propose(_ newValue: Tensor) {
        settled = GradMode.isEnabled ? settled ?? value : nil
        value = newValue
    }

    /// Keeps what was proposed.
    public func settle() { settled = nil }

    /// Goes back to the value before the proposals since the last step.
    public func revert() {
        if let settled { value = settled }
        settled = nil
    }
}
