import Datasets
import Glibc
import Torch

/// Trains: epochs of steps, each followed by an evaluation, from where ``progress`` is to the last epoch, the target or
/// a stop.
public final class Trainer {
    /// Why ``run(isStopped:report:)`` came back.
    public enum End: Equatable, Sendable {
        /// All epochs are done.
        case epochsDone
        /// The test accuracy is at least the target.
        case targetReached
        /// `isStopped` said so; the run can go on from ``Trainer/progress``.
        case stopped
    }

    /// What is trained, on what, with what.
    public let session: TrainingSession
    /// How far the run is.
    public internal(set) var progress = TrainingProgress()

    public init(_ session: TrainingSession) {
        self.session = session
    }

    private var settings: TrainingSettings { session.settings }
    private var stepsPerEpoch: Int { session.train.batchCount }

    /// Trains on.
    /// - Parameters:
    ///   - isStopped: asked after every step, and during evaluation.
    ///   - report: told what happens. Between two epochs, ``progress`` and ``session`` are those of the epoch's end.
    /// - Throws: ``TrainingError/diverged(advice:)``, ``Datasets/DatasetError``, or what `report` throws.
    public func run(
        isStopped: () -> Bool = { false }, report: (TrainingEvent) throws -> Void = { _ in }
    ) throws -> End {
        let start = ContinuousClock.now
        let secondsBefore = progress.totalSeconds
        func totalSeconds() -> Double { secondsBefore + start.secondsAgo }
        while progress.epoch < settings.epochs {
            if progress.reached(settings.target) != nil { return .targetReached }
            try takeSteps(isStopped: isStopped, report: report)
            guard progress.step == stepsPerEpoch, !isStopped() else {
                progress.totalSeconds = totalSeconds()
                return .stopped
            }
            try report(.evaluating(epoch: progress.epoch + 1))
            guard
                let evaluation = try Evaluation.of(
                    session.model, on: session.test, device: session.device, isStopped: isStopped)
            else {
                progress.totalSeconds = totalSeconds()
                return .stopped
            }
            try finishEpoch(evaluation, totalSeconds: totalSeconds(), report: report)
        }
        return progress.reached(settings.target) == nil ? .epochsDone : .targetReached
    }

    /// The rest of the epoch's steps, or those until a stop.
    private func takeSteps(isStopped: () -> Bool, report: (TrainingEvent) throws -> Void) throws {
        guard progress.step < stepsPerEpoch else { return }
        let start = ContinuousClock.now
        let (stepsBefore, secondsBefore) = (progress.step, progress.seconds)
        let batches = try session.train.batches(epoch: progress.epoch, startingAt: progress.step)
        var examples = 0
        while !isStopped(), let batch = try batches.next() {
            let loss = try takeStep(batch)
            progress.add(loss: loss, examples: batch.count)
            examples += batch.count
            let elapsed = start.secondsAgo
            progress.seconds = secondsBefore + elapsed
            let done = progress.step - stepsBefore
            try report(
                .step(
                    StepReport(
                        epoch: progress.epoch + 1, epochs: settings.epochs, step: progress.step, steps: stepsPerEpoch,
                        loss: progress.loss, examplesPerSecond: Double(examples) / max(elapsed, 1e-9),
                        secondsLeft: elapsed / Double(done) * Double(stepsPerEpoch - progress.step),
                        skippedSteps: progress.skippedSteps)))
        }
    }

    /// - Returns: the batch's mean loss; nil if the step was skipped.
    private func takeStep(_ batch: Batch) throws -> Double? {
        session.optimizer.learningRate = session.learningRate(step: progress.epoch * stepsPerEpoch + progress.step)
        let labels = batch.labels.to(session.device)
        let loss = crossEntropy(
            session.model(batch.images.to(session.device)), labels, labelSmoothing: settings.labelSmoothing)
        do {
            try session.optimizer.backward(loss)
            guard try session.optimizer.step() == .applied else { return nil }
        } catch let error as TorchError {
            throw TrainingError.diverged(advice: error.description)
        }
        let value = loss.item(as: Double.self)
        return value.isFinite ? value : nil
    }

    private func finishEpoch(
        _ evaluation: Evaluation, totalSeconds: Double, report: (TrainingEvent) throws -> Void
    ) throws {
        let best = progress.best?.testAccuracy ?? -1
        let record = progress.finishEpoch(
            evaluation, learningRate: session.optimizer.learningRate, steps: stepsPerEpoch,
            examples: session.train.sampler.examplesPerEpoch, totalSeconds: totalSeconds)
        try report(.epoch(record, isBest: record.testAccuracy > best))
    }
}

extension ContinuousClock.Instant {
    /// How many seconds have gone by since.
    var secondsAgo: Double {
        let (seconds, attoseconds) = duration(to: .now).components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
