import FOP
import Logging
import Torch

/// A run with its folder: trains, and keeps checkpoint, weights, metrics, record and log up to date.
public final class TrainingRun {
    /// What trains.
    public let trainer: Trainer
    /// Where everything is written.
    public let directory: RunDirectory

    private let metrics: MetricsFiles
    private let diagnostics: DiagnosticsFiles?
    private let logger: Logger
    private var record: RunRecord
    private var loggedSkips: Int

    /// Makes the folder and opens its files, so that what is wrong with it is found before training starts.
    /// - Parameters:
    ///   - trainer: fresh, or with a checkpoint restored.
    ///   - isResumed: whether the folder's run goes on.
    ///   - command: the command's words, for the record.
    ///   - logLevel: from which level on the log file has messages (default info).
    ///   - echo: who besides the log file gets the messages.
    /// - Throws: ``TrainingError/outputUnusable(path:reason:)``, ``TrainingError/writeFailed(path:reason:)``.
    public init(
        _ trainer: Trainer, in directory: RunDirectory, isResumed: Bool = false, command: [String] = [],
        logLevel: Logger.Level = .info, echo: (any LogHandler)? = nil
    ) throws {
        self.trainer = trainer
        self.directory = directory
        try directory.create(isResumed: isResumed)
        let log = LogFile(try OutputFile(directory.log, emptied: !isResumed), level: logLevel)
        metrics = try MetricsFiles(in: directory, history: trainer.progress.history)
        diagnostics =
            trainer.session.settings.diagnostics == nil
            ? nil : try DiagnosticsFiles(in: directory, upTo: trainer.stepCount)
        logger = Logger(label: "fop") { _ in MultiplexLogHandler([log] + (echo.map { [$0] } ?? [])) }
        record = RunRecord(trainer.session, command: command)
        loggedSkips = trainer.progress.skippedInAll
        try record.write(.running, trainer.progress, to: directory.record)
    }

    /// Trains to the end or to a stop; either way a checkpoint of that moment is there afterwards.
    /// - Throws: as ``Trainer/run(isStopped:report:)``, and ``TrainingError/writeFailed(path:reason:)``. Checkpoint and
    ///   weights are then those of the last epoch that was saved.
    public func run(
        isStopped: () -> Bool = { false }, report: (TrainingEvent) throws -> Void = { _ in }
    ) throws -> Trainer.End {
        let settings = try JSONText.encode(trainer.session.settings)
        logger.info("\(command(of: record))")
        logger.info("settings: \(settings)")
        if let optimizer = trainer.session.optimizer as? FOP { logger.info("what is updated how:\n\(optimizer.coverage)") }
        do {
            let end = try trainer.run(isStopped: isStopped) { event in
                try keep(event)
                try report(event)
            }
            if end == .stopped || !isSaved { try saveCheckpoint() }
            try record.write(end == .stopped ? .stopped : .finished, trainer.progress, to: directory.record)
            logger.info("\(sentence(on: end))")
            return end
        } catch {
            logger.error("\(error)")
            // The error that ended the run is the one to report.
            try? record.write(.failed, trainer.progress, failure: "\(error)", to: directory.record)
            throw error
        }
    }

    /// Whether the checkpoint in the folder is of this moment.
    private var isSaved = false

    private func keep(_ event: TrainingEvent) throws {
        switch event {
        case .step(let step):
            isSaved = false
            logSkips()
            logger.trace(
                """
                epoch \(step.epoch), step \(step.step) of \(step.steps): mean loss \(step.loss ?? .nan), learning rate \
                \(trainer.session.optimizer.learningRate)
                """)
        case .diagnostics(let record): try diagnostics?.append(record)
        case .evaluating(let epoch):
            logger.debug("epoch \(epoch): evaluating")
        case .epoch(let epoch, let isBest):
            try keep(epoch, isBest: isBest)
        }
    }

    private func keep(_ epoch: EpochRecord, isBest: Bool) throws {
        try metrics.append(epoch)
        if isBest { try saveWeights(epoch) }
        if epoch.epoch % trainer.session.settings.checkpointEvery == 0 { try saveCheckpoint() }
        try record.write(.running, trainer.progress, to: directory.record)
        logger.info(
            """
            epoch \(epoch.epoch): train loss \(epoch.trainLoss), test loss \(epoch.testLoss), test accuracy \
            \(epoch.testAccuracy), learning rate \(epoch.learningRate), \(NumberText.fixed(epoch.seconds, 2)) s, \
            \(NumberText.fixed(epoch.trainingSeconds, 2)) s of training so far
            """)
    }

    private func logSkips() {
        let skipped = trainer.progress.skippedInAll
        guard skipped > loggedSkips else { return }
        loggedSkips = skipped
        logger.warning(
            """
            epoch \(trainer.progress.epoch + 1), step \(trainer.progress.step): loss, gradients or statistics were not finite; the step \
            changed nothing (\(NumberText.count(skipped, "skipped step")) so far)
            """)
    }

    private func saveCheckpoint() throws {
        try trainer.checkpoint.write(to: directory.checkpoint)
        isSaved = true
        logger.debug("saved \(directory.checkpoint)")
    }

    private func saveWeights(_ epoch: EpochRecord) throws {
        let settings = trainer.session.settings
        let metadata = [
            "format": "fop-model", "fop": FOPVersion.current, "model": settings.model, "dataset": settings.dataset,
            "optimizer": settings.optimizer.kind.rawValue, "epoch": "\(epoch.epoch)",
            "test_accuracy": "\(epoch.testAccuracy)", "seed": "\(settings.seed)",
        ]
        try writing(directory.weights) {
            try trainer.session.withWeightsInUse {
                try SafetensorsFile.write(
                    tensors: trainer.session.model.state, metadata: metadata, to: directory.weights)
            }
        }
    }

    private func command(of record: RunRecord) -> String {
        "fop \(record.fop), LibTorch \(record.libtorch), \(record.processor): "
            + record.command.map(shellQuoted).joined(separator: " ")
    }

    private func sentence(on end: Trainer.End) -> String {
        let progress = trainer.progress
        let times =
            "\(NumberText.fixed(progress.trainingSeconds, 2)) s of training, \(NumberText.fixed(progress.totalSeconds, 2)) s in all"
        switch end {
        case .epochsDone: return "all epochs are done: \(times)"
        case .targetReached: return "the target is reached after \(NumberText.count(progress.epoch, "epoch")): \(times)"
        case .stopped: return "stopped in epoch \(progress.epoch + 1) after step \(progress.step): \(times)"
        }
    }
}
