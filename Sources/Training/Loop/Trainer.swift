import Datasets
import FOP
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

    private let stepTaker: StepTaker
    private var areDiagnosticsDue = false

    public init(_ session: TrainingSession) {
        self.session = session
        stepTaker = StepTaker(session)
    }

    /// How many steps the run has taken, the skipped ones included.
    public var stepCount: Int { progress.epoch * stepsPerEpoch + progress.step }

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
            let found = try session.withWeightsInUse {
                try Evaluation.of(session.model, on: session.test, device: session.device, isStopped: isStopped)
            }
            guard let evaluation = found else {
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
            try diagnose(loss != nil, report: report)
        }
    }

    /// - Returns: the batch's mean loss; nil if the step was skipped.
    private func takeStep(_ batch: Batch) throws -> Double? {
        session.optimizer.learningRate = try session.learningRate(step: stepCount, after: progress.history)
        return try stepTaker.take(batch)
    }

    // MARK: Diagnostics

    /// Reads what the optimizer found, when it is time and the step was taken. Nothing else waits for it.
    private func diagnose(_ isApplied: Bool, report: (TrainingEvent) throws -> Void) throws {
        guard let interval = settings.diagnostics, let optimizer = session.optimizer as? FOP else { return }
        if interval == 0 ? progress.step == stepsPerEpoch : stepCount % interval == 0 { areDiagnosticsDue = true }
        guard areDiagnosticsDue, isApplied else { return }
        areDiagnosticsDue = false
        let record = DiagnosticsRecord(
            optimizer, epoch: progress.epoch + 1, step: stepCount, batchSize: settings.batchSize,
            skippedSteps: progress.skippedInAll)
        if let record { try report(.diagnostics(record)) }
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
