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
