import Torch

/// Optimizers' states as safetensors files. Their notes are `format`, `format_version` and `optimizer`.
extension Optimizer {
    /// Writes the ``state`` to a file, which appears when it is complete.
    /// - Throws: ``TorchError/file(path:message:)`` with the system's reason.
    public func save(to path: String) throws {
        try SafetensorsFile.write(tensors: state, metadata: OptimizerFile.notes(of: self), to: path)
    }

    /// Goes on from a file that ``save(to:)`` wrote.
    /// - Throws: ``TorchError/file(path:message:)`` for a file that cannot be read, is of another format or version, or
    ///   of another optimizer; ``TorchError/stateMismatch(_:)`` naming the first key or shape that differs. Then
    ///   nothing has changed.
    public func restore(from path: String) throws {
        let (tensors, notes) = try SafetensorsFile.read(path)
        try OptimizerFile.check(notes, of: self, path: path)
        try load(tensors)
    }
}

/// The notes of such files.
///
/// Version 2 has the model's layout (``StateLayout``) and what the gradient noise scale is averaged from among its
/// tensors. Files of version 1 lack both and can still be loaded, but not all that are of another model are noticed.
private enum OptimizerFile {
    static let format = "fop-optimizer"
    static let versions = ["1", "2"]

    static func notes(of optimizer: some Optimizer) -> [String: String] {
        ["format": format, "format_version": versions.last!, "optimizer": "\(type(of: optimizer))"]
    }

    static func check(_ notes: [String: String], of optimizer: some Optimizer, path: String) throws {
        let legal = [
            ("format", [format]), ("format_version", versions), ("optimizer", ["\(type(of: optimizer))"]),
        ]
        for (key, expected) in legal where !expected.contains(where: { $0 == notes[key] }) {
            let found = notes[key].map { "'\($0)'" } ?? "nothing"
            let wanted = expected.map { "'\($0)'" }.joined(separator: " or ")
            throw TorchError.file(
                path: path,
                message: "its notes say \(found) for \(key), \(wanted) expected: it is not a state that this can load")
        }
    }
}
