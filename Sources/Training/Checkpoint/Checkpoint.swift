import Glibc
import Torch

/// A run at one moment: everything it needs to go on as if it had never stopped.
///
/// In a file: tensors `model.<name>` and `optimizer.<name>`, `average.<name>` of averaged weights, `scaler.<name>` of a
/// loss scale, the bytes `generator.default`, and ``CheckpointHeader`` in the notes.
public struct Checkpoint {
    /// Settings and progress.
    public var header: CheckpointHeader
    /// All tensors. Those of ``Trainer/checkpoint`` are the run's own and change with it.
    public var tensors: [String: Tensor]

    /// Its name in a run's folder.
    public static let fileName = "checkpoint.safetensors"

    init(header: CheckpointHeader, tensors: [String: Tensor]) {
        self.header = header
        self.tensors = tensors
    }

    /// The checkpoint's path when a run's folder, or the path itself, was named.
    /// - Throws: ``TrainingError/checkpointMissing(path:)``.
    public static func locate(_ path: String) throws -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { throw TrainingError.checkpointMissing(path: path) }
        guard status.st_mode & S_IFMT == S_IFDIR else { return path }
        let file = path.hasSuffix("/") ? path + fileName : "\(path)/\(fileName)"
        guard access(file, F_OK) == 0 else { throw TrainingError.checkpointMissing(path: file) }
        return file
    }

    /// - Throws: ``TrainingError/checkpointMissing(path:)``, ``TrainingError/checkpointUnusable(path:reason:)``.
    public init(path: String) throws {
        let (tensors, metadata) = try Self.reading(path) { try SafetensorsFile.read(path) }
        header = try CheckpointHeader(metadata: metadata, path: path)
        self.tensors = tensors
    }

    /// Writes it; an older file of that name is there until the new one is complete.
    /// - Throws: ``TrainingError/writeFailed(path:reason:)``.
    public func write(to path: String) throws {
        let metadata = try header.metadata()
        try writing(path) { try SafetensorsFile.write(tensors: tensors, metadata: metadata, to: path) }
    }

    static func reading<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        guard access(path, F_OK) == 0 else { throw TrainingError.checkpointMissing(path: path) }
        do { return try body() } catch TorchError.file(_, let message) {
            throw TrainingError.checkpointUnusable(path: path, reason: message)
        }
    }
}

/// Runs `body`, which writes a file, with its failure as one of the run.
func writing(_ path: String, _ body: () throws -> Void) throws {
    do { try body() } catch let error as TorchError {
        var reason = error.description
        if case .file(_, let message) = error { reason = message }
        throw TrainingError.writeFailed(path: path, reason: reason)
    }
}
