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
private enum OptimizerFile {
    static let format = "fop-optimizer"
    static let version = "1"

    static func notes(of optimizer: some Optimizer) -> [String: String] {
        ["format": format, "format_version": version, "optimizer": "\(type(of: optimizer))"]
    }

    static func check(_ notes: [String: String], of optimizer: some Optimizer, path: String) throws {
        for (key, expected) in Self.notes(of: optimizer).sorted(by: { $0.key < $1.key }) where notes[key] != expected {
            let found = notes[key].map { "'\($0)'" } ?? "nothing"
            throw TorchError.file(
                path: path,
                message: "its notes say \(found) for \(key), '\(expected)' expected: it is not a state that this can load")
        }
    }
}
