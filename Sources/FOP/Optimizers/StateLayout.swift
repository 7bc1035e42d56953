import Torch

/// What tells a saved state's model from others: its parameters, their shapes, and what stands for each. Momentum and
/// factors need not be there to tell.
///
/// In a state it is the text under the key `layout`, in UTF-8: for each parameter a line of treatment, shape and name,
/// with tabs between, such as `kronecker<tab>10 64<tab>head.weight`.
struct StateLayout: Equatable {
    static let key = "layout"

    struct Entry: Equatable {
        let name: String
        let shape: [Int]
        /// What the optimizer makes of the parameter: a kind of block, say.
        let treatment: String
    }

    private let entries: [Entry]

    init(_ entries: [Entry]) { self.entries = entries }

    /// As a state keeps it.
    var tensor: Tensor {
        let lines = entries.map { entry in
            [entry.treatment, entry.shape.map(String.init).joined(separator: " "), entry.name].joined(separator: "\t")
        }
        return Tensor(Array(lines.joined(separator: "\n").utf8))
    }

    /// - Throws: ``TorchError/stateMismatch(_:)`` for a tensor that is no such text.
    init(_ tensor: Tensor) throws {
        guard tensor.dtype == .uint8,
            let text = String(validating: tensor.scalars(as: UInt8.self), as: UTF8.self)
        else { throw Self.unreadable }
        entries = try text.split(separator: "\n").map { line in
            let parts = line.split(separator: "\t", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
            let shape = parts.count == 3 ? parts[1].split(separator: " ").map { Int($0) } : [nil]
            guard !shape.contains(nil) else { throw Self.unreadable }
            return Entry(name: parts[2], shape: shape.compactMap { $0 }, treatment: parts[0])
        }
    }

    private static var unreadable: TorchError {
        .stateMismatch("the saved state's '\(key)' does not list parameters: it is damaged")
    }

    /// What stands for each parameter.
    var treatments: [String: String] {
        Dictionary(entries.map { ($0.name, $0.treatment) }) { first, _ in first }
    }

    /// Compares a saved layout with this one, the model's.
    /// - Throws: ``TorchError/stateMismatch(_:)`` naming the first parameter, in the model's order, that is missing or
    ///   of another shape, or else one that the model does not have.
    func checkParameters(of saved: StateLayout) throws {
        let shapes = Dictionary(saved.entries.map { ($0.name, $0.shape) }) { first, _ in first }
        for entry in entries {
            guard let shape = shapes[entry.name] else {
                throw TorchError.stateMismatch(
                    "the saved state has no parameter '\(entry.name)' of shape \(entry.shape): \(Self.advice)")
            }
            guard shape == entry.shape else {
                throw TorchError.stateMismatch(
                    "the saved state's '\(entry.name)' has shape \(shape), \(entry.shape) expected: \(Self.advice)")
            }
        }
        let own = Set(entries.map(\.name))
        if let other = saved.entries.first(where: { !own.contains($0.name) }) {
            throw TorchError.stateMismatch(
                """
                the saved state has a parameter '\(other.name)' of shape \(other.shape), which the model does not: \
                \(Self.advice)
                """)
        }
    }

    /// The same for what stands for the parameters.
    func checkTreatments(of saved: StateLayout) throws {
        let treatments = saved.treatments
        for entry in entries {
            guard let other = treatments[entry.name], other != entry.treatment else { continue }
            throw TorchError.stateMismatch(
                """
                the saved state's '\(entry.name)' was \(other), and is \(entry.treatment) here: use the options it was \
                saved with, and freeze what was frozen
                """)
        }
    }

    private static let advice = "it is of another model or optimizer"
}

extension StateReader {
    /// The saved layout; nil in states of format version 1, which had none.
    mutating func layout() throws -> StateLayout? {
        guard let tensor = state[StateLayout.key] else { return nil }
        _ = try self.tensor(StateLayout.key, shape: [tensor.count])
        return try StateLayout(tensor)
    }
}
