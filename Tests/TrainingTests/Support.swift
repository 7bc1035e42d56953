import TestSupport
import Torch
import Training
import XCTest

/// Settings of a run that takes moments: 60 images of shapes in batches of 16, so 4 steps an epoch, the last one
/// smaller.
func tinySettings(_ kind: OptimizerKind = .sgd, _ change: (inout TrainingSettings) -> Void = { _ in }) -> TrainingSettings {
    var settings = TrainingSettings()
    settings.model = "cnn"
    settings.dataset = "shapes"
    settings.examples = 60
    settings.optimizer = kind.defaults
    settings.optimizer.learningRate = kind == .sgd ? 0.05 : 0.01
    settings.optimizer.curvature?.factorInterval = 3
    settings.optimizer.curvature?.inverseInterval = 3
    settings.batchSize = 16
    settings.epochs = 3
    settings.threads = 1
    settings.augmentation = AugmentationSettings(crops: true, flips: true)
    change(&settings)
    return settings
}

func makeTrainer(_ settings: TrainingSettings) throws -> Trainer { Trainer(try TrainingSession(settings)) }

/// A checkpoint's tensors as they are now: training on does not change them.
func copies(of tensors: [String: Tensor]) -> [String: Tensor] { tensors.mapValues { $0.detached().cloned() } }

/// Everything that a run computes, without how long it took.
func results(_ progress: TrainingProgress) -> TrainingProgress {
    var progress = progress
    progress.seconds = 0
    progress.totalSeconds = 0
    for index in progress.history.indices {
        progress.history[index].seconds = 0
        progress.history[index].trainingSeconds = 0
        progress.history[index].totalSeconds = 0
        progress.history[index].examplesPerSecond = 0
    }
    return progress
}

/// Says yes from the `count`-th question on.
final class StopAfter {
    private var left: Int
    init(_ count: Int) { left = count }
    func callAsFunction() -> Bool {
        left -= 1
        return left < 0
    }
}

/// Fails unless `body` throws this kind of error with all these parts in its text.
func assertThrows<Result>(
    _ status: ExitStatus, _ parts: String..., file: StaticString = #filePath, line: UInt = #line,
    _ body: () throws -> Result
) {
    XCTAssertThrowsError(try body(), file: file, line: line) { error in
        XCTAssertEqual(ExitStatus(for: error), status, "\(error)", file: file, line: line)
        for part in parts { assertContains("\(error)", part, file: file, line: line) }
    }
}

extension Trainer {
    /// Trains with somebody looking on.
    func watch(_ report: (TrainingEvent) throws -> Void) throws -> End { try run(report: report) }
}

extension TrainingRun {
    /// Trains with somebody looking on.
    func watch(_ report: (TrainingEvent) throws -> Void) throws -> Trainer.End { try run(report: report) }
}
