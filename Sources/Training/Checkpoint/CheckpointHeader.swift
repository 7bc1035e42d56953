import Glibc
import Torch

/// What a checkpoint says besides its tensors.
public struct CheckpointHeader: Codable, Equatable, Sendable {
    /// The run's settings.
    public var settings: TrainingSettings
    /// How far the run is.
    public var progress: TrainingProgress
    /// How many training images there are.
    public var trainingImages: Int

    /// What `format` and `format_version` are in the file's notes.
    static let format = "fop-checkpoint"
    static let version = "2"

    /// As a safetensors file keeps it. The first lines are for people; the two in JSON are read.
    func metadata() throws -> [String: String] {
        [
            "format": Self.format, "format_version": Self.version, "fop": FOPVersion.current,
            "libtorch": TorchRuntime.version, "model": settings.model, "optimizer": settings.optimizer.kind.rawValue,
            "epoch": "\(progress.epoch)", "step": "\(progress.step)", "seed": "\(settings.seed)",
            "training_images": "\(trainingImages)", "settings": try JSONText.encode(settings),
            "progress": try JSONText.encode(progress),
        ]
    }

    /// - Throws: ``TrainingError/checkpointUnusable(path:reason:)``.
    init(metadata: [String: String], path: String) throws {
        func text(_ key: String) throws -> String {
            guard let text = metadata[key] else { throw unusable("its notes have no '\(key)'") }
            return text
        }
        func unusable(_ reason: String) -> TrainingError { .checkpointUnusable(path: path, reason: reason) }
        guard metadata["format"] == Self.format else {
            throw unusable("its notes do not say \"format\": \"\(Self.format)\", as those of checkpoints do")
        }
        let version = try text("format_version")
        guard version == Self.version else {
            throw unusable("it has format version \(version), this program reads \(Self.version): use the version of fop that wrote it")
        }
        func decoded<Value: Decodable>(_ type: Value.Type, _ key: String) throws -> Value {
            do { return try JSONText.decode(type, from: try text(key)) } catch let error as DecodingError {
                throw unusable("its notes on '\(key)' cannot be read: \(JSONText.reason(error))")
            }
        }
        settings = try decoded(TrainingSettings.self, "settings")
        progress = try decoded(TrainingProgress.self, "progress")
        trainingImages = Int(try text("training_images")) ?? 0
    }

    init(settings: TrainingSettings, progress: TrainingProgress, trainingImages: Int) {
        self.settings = settings
        self.progress = progress
        self.trainingImages = trainingImages
    }

    /// Reads it without the tensors.
    /// - Throws: ``TrainingError/checkpointMissing(path:)``, ``TrainingError/checkpointUnusable(path:reason:)``.
    public init(path: String) throws {
        let metadata = try Checkpoint.reading(path) { try SafetensorsFile.metadata(path) }
        try self.init(metadata: metadata, path: path)
    }
}
