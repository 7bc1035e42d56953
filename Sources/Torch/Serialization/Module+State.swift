import TorchCore

extension Module {
    /// All parameters and buffers under torch's names: what a checkpoint holds of a model.
    ///
    /// The tensors share the model's memory and change with it; clone them to keep them. What is shared between
    /// layers is there once, under its first name.
    public var state: [String: Tensor] {
        var state: [String: Tensor] = [:]
        for (name, parameter) in namedParameters { state[name] = parameter.value.detached() }
        for (name, buffer) in namedBuffers { state[name] = buffer.value.detached() }
        return state
    }

    /// Copies saved tensors into the parameters and buffers, converted to their types and devices.
    /// - Throws: ``TorchError/stateMismatch(_:)`` naming the first key or shape that differs; then nothing has changed.
    public func load(_ state: [String: Tensor]) throws {
        let own = self.state
        try StateCheck.compare(state, with: own)
        try TorchError.catching {
            withoutGradients {
                for (name, tensor) in own { tensor.copy(from: state[name]!) }
                for (_, buffer) in namedBuffers { buffer.settle() }
            }
        }
    }
}

/// Whether saved tensors fit those that they are to be copied into.
public enum StateCheck {
    /// Compares names, shapes and kinds of types, in the order of the names.
    /// - Throws: ``TorchError/stateMismatch(_:)`` naming the first key that is missing, unknown or of another shape.
    public static func compare(_ state: [String: Tensor], with own: [String: Tensor]) throws {
        for name in own.keys.sorted() where state[name] == nil {
            throw TorchError.stateMismatch("'\(name)' is missing in the saved state")
        }
        for name in state.keys.sorted() where own[name] == nil {
            throw TorchError.stateMismatch("'\(name)' is in the saved state, but not here")
        }
        for (name, target) in own.sorted(by: { $0.key < $1.key }) {
            let saved = state[name]!
            guard saved.isDefined else { throw TorchError.stateMismatch("'\(name)' has no values") }
            guard saved.shape == target.shape else {
                throw TorchError.stateMismatch(
                    "'\(name)' has the shape \(saved.shape) in the saved state, \(target.shape) here")
            }
            guard saved.dtype.isFloatingPoint == target.dtype.isFloatingPoint else {
                throw TorchError.stateMismatch(
                    "'\(name)' has the type \(saved.dtype) in the saved state, \(target.dtype) here")
            }
        }
    }
}
