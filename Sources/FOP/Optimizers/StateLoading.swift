import Torch

/// Reads a saved state and checks it, before anything is changed.
///
/// Ask for every tensor by key and shape, then call ``finish()``, then put the values into place: what does not fit
/// throws ``TorchError/stateMismatch(_:)`` that names the key, and the optimizer is as it was.
///
/// ```swift
/// var reader = StateReader(state)
/// let count = try reader.count("step_count")
/// let momentum = try reader.tensor("weight.momentum", shape: [4, 3])
/// try reader.finish()
/// stepCount = count
/// buffer.copy(from: momentum)                          // converts type and device
/// ```
struct StateReader {
    let state: [String: Tensor]
    private var unread: Set<String>

    init(_ state: [String: Tensor]) {
        self.state = state
        unread = Set(state.keys)
    }

    /// Whether there is a tensor of that key.
    func has(_ key: String) -> Bool { state[key] != nil }

    /// The tensor of that key.
    mutating func tensor(_ key: String, shape: [Int]) throws -> Tensor {
        guard let tensor = state[key] else {
            throw TorchError.stateMismatch("the saved state has no '\(key)': it is of another model or optimizer")
        }
        guard tensor.shape == shape else {
            throw TorchError.stateMismatch(
                "the saved state's '\(key)' has shape \(tensor.shape), \(shape) expected: it is of another model or optimizer")
        }
        unread.remove(key)
        return tensor
    }

    /// The tensors of one shape each under `prefix`, by the rest of their keys, in the order of the keys.
    mutating func tensors(_ shapes: [String: [Int]], prefix: String) throws -> [String: Tensor] {
        var found: [String: Tensor] = [:]
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            found[name] = try tensor(prefix + name, shape: shape)
        }
        return found
    }

    /// The number under that key: how often something happened.
    mutating func count(_ key: String) throws -> Int {
        let tensor = try tensor(key, shape: [])
        guard !tensor.dtype.isFloatingPoint, case let value = tensor.item(as: Int.self), value >= 0 else {
            throw TorchError.stateMismatch("the saved state's '\(key)' is not a whole number of 0 or more")
        }
        return value
    }

    /// The whole numbers of `minimum` or more under that key.
    mutating func counts(_ key: String, count: Int, minimum: Int) throws -> Tensor {
        let tensor = try tensor(key, shape: [count])
        guard !tensor.dtype.isFloatingPoint, tensor.scalars(as: Int.self).allSatisfy({ $0 >= minimum }) else {
            throw TorchError.stateMismatch(
                "the saved state's '\(key)' has other than whole numbers of \(minimum) or more")
        }
        return tensor
    }

    /// The real number under that key.
    mutating func number(_ key: String) throws -> Double {
        try tensor(key, shape: []).item(as: Double.self)
    }

    /// The same for what has to be finite, and `minimum` or more.
    mutating func number(_ key: String, minimum: Double) throws -> Double {
        let value = try number(key)
        guard value.isFinite, value >= minimum else {
            throw TorchError.stateMismatch("the saved state's '\(key)' is \(value): a number of \(minimum) or more expected")
        }
        return value
    }

    /// Call when everything was asked for.
    /// - Throws: when the state holds more than that.
    func finish() throws {
        guard let key = unread.min(), let tensor = state[key] else { return }
        throw TorchError.stateMismatch(
            "the saved state has '\(key)' of shape \(tensor.shape), which does not belong here: it is of another model or optimizer")
    }
}
