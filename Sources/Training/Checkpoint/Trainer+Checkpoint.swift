import Torch

extension Trainer {
    private static let generator = "generator.default"

    /// Where the run is now. Its tensors are the run's own: write or clone them before the next step.
    public var checkpoint: Checkpoint {
        var tensors: [String: Tensor] = [:]
        for (name, tensor) in session.model.state { tensors["model.\(name)"] = tensor }
        for (name, tensor) in session.optimizer.state { tensors["optimizer.\(name)"] = tensor }
        for (name, tensor) in session.average?.state ?? [:] { tensors["average.\(name)"] = tensor }
        for (name, tensor) in session.scaler?.state ?? [:] { tensors["scaler.\(name)"] = tensor }
        tensors[Self.generator] = Generator.default.state
        let header = CheckpointHeader(
            settings: session.settings, progress: progress, trainingImages: session.train.dataset.count)
        return Checkpoint(header: header, tensors: tensors)
    }

    /// Goes on from a checkpoint of the same settings.
    /// - Parameter path: where it is from, for errors.
    /// - Throws: ``TrainingError/checkpointDiffers(path:differences:)`` or
    ///   ``TrainingError/checkpointUnusable(path:reason:)`` naming what does not fit.
    public func restore(_ checkpoint: Checkpoint, from path: String) throws {
        let header = checkpoint.header
        try check(header, path)
        do {
            try session.model.load(checkpoint.tensors(under: "model."))
            try session.optimizer.load(checkpoint.tensors(under: "optimizer."))
            try session.average?.load(checkpoint.tensors(under: "average."))
            try session.scaler?.load(checkpoint.tensors(under: "scaler."))
        } catch let error as TorchError {
            throw TrainingError.checkpointUnusable(path: path, reason: error.firstLine)
        }
        guard let state = checkpoint.tensors[Self.generator], state.shape == Generator.default.state.shape,
            state.dtype == .uint8
        else {
            throw TrainingError.checkpointUnusable(
                path: path, reason: "'\(Self.generator)' is missing or not the state of a generator")
        }
        Generator.default.state = state
        progress = header.progress
    }

    private func check(_ header: CheckpointHeader, _ path: String) throws {
        var differences = session.settings.differences(from: header.settings)
        let images = session.train.dataset.count
        if header.trainingImages != images {
            differences.append("the data has \(images) training images, the checkpoint's had \(header.trainingImages)")
        }
        guard differences.isEmpty else { throw TrainingError.checkpointDiffers(path: path, differences: differences) }
        let progress = header.progress
        guard progress.epoch >= 0, (0...session.train.batchCount).contains(progress.step),
            progress.history.count == progress.epoch
        else {
            throw TrainingError.checkpointUnusable(
                path: path, reason: "its epoch \(progress.epoch), step \(progress.step) and history contradict each other")
        }
    }
}

extension Checkpoint {
    /// The tensors whose names begin with `prefix`, under the rest of their names.
    func tensors(under prefix: String) -> [String: Tensor] {
        var found: [String: Tensor] = [:]
        for (name, tensor) in tensors where name.hasPrefix(prefix) {
            found[String(name.dropFirst(prefix.count))] = tensor
        }
        return found
    }
}
