import Training

/// What a run says before its first and after its last epoch.
enum RunSummary {
    /// What is trained, with what, and where it goes.
    static func opening(_ session: TrainingSession, _ directory: RunDirectory) -> [String] {
        let settings = session.settings
        let (train, test) = (session.train.dataset, session.test.dataset)
        return [
            "fop \(FOPVersion.current), LibTorch \(SystemReport.libtorchVersion), \(session.device), \(NumberText.count(settings.threads, "thread"))",
            "\(settings.model), \(NumberText.grouped(session.model.parameterCount)) parameters; \(settings.dataset), "
                + "\(NumberText.grouped(train.count)) training and \(NumberText.grouped(test.count)) test images",
            "\(optimizer(settings)); batches of \(NumberText.grouped(settings.batchSize)), "
                + "\(schedule(settings)), seed \(settings.seed)",
        ] + others(settings) + ["output in \(directory.path)"]
    }

    /// What else was set, as it can be given again.
    private static func others(_ settings: TrainingSettings) -> [String] {
        let told: Set = [
            "--model", "--dataset", "--data", "--examples", "--optimizer", "--learning-rate", "--momentum",
            "--weight-decay", "--damping", "--kl-clip", "--beta", "--schedule", "--warmup", "--batch-size", "--epochs",
            "--target", "--seed", "--device", "--threads",
        ]
        let special = settings.special(without: told)
        return special.isEmpty ? [] : ["with \(special.map { "\($0.option) \($0.value)" }.joined(separator: " "))"]
    }

    /// How a run that came to its end went, and where everything is.
    static func closing(_ run: TrainingRun) -> [String] {
        let progress = run.trainer.progress
        return [result(run.trainer)] + skipped(progress) + places(
            run.directory, progress, hasDiagnostics: run.trainer.session.settings.diagnostics != nil)
    }

    /// How to go on with a run that was stopped.
    static func stopped(_ run: TrainingRun, command: String) -> [String] {
        let progress = run.trainer.progress
        return [
            "Stopped in epoch \(progress.epoch + 1) after step \(progress.step) of \(run.trainer.session.train.batchCount), "
                + "\(seconds(progress.trainingSeconds)) of training.",
            "Checkpoint  \(run.directory.checkpoint)", "Resume with:", "  \(command)",
        ]
    }

    private static func result(_ trainer: Trainer) -> String {
        let progress = trainer.progress
        let times = "\(seconds(progress.trainingSeconds)) of training (\(seconds(progress.totalSeconds)) in all)"
        guard let last = progress.history.last, let best = progress.best else { return "Nothing was trained." }
        let epochs = NumberText.count(progress.epoch, "epoch")
        let accuracy = NumberText.percent(last.testAccuracy)
        guard let target = trainer.session.settings.target else {
            let peak = best.epoch == last.epoch ? "" : ", best \(NumberText.percent(best.testAccuracy)) in epoch \(best.epoch)"
            return "Test accuracy \(accuracy)\(peak), after \(epochs) and \(times)."
        }
        guard let reached = progress.reached(target) else {
            return "The target of \(NumberText.percent(target)) was not reached: best test accuracy "
                + "\(NumberText.percent(best.testAccuracy)) in epoch \(best.epoch), after \(epochs) and \(times)."
        }
        return "Test accuracy \(NumberText.percent(reached.testAccuracy)), target \(NumberText.percent(target)) reached after "
            + "\(NumberText.count(reached.epoch, "epoch")) and \(seconds(reached.trainingSeconds)) of training "
            + "(\(seconds(reached.totalSeconds)) in all)."
    }

    private static func skipped(_ progress: TrainingProgress) -> [String] {
        let count = progress.skippedInAll
        guard count > 0 else { return [] }
        return ["\(NumberText.count(count, "step")) changed nothing: loss, gradients or statistics were not finite."]
    }

    private static func places(
        _ directory: RunDirectory, _ progress: TrainingProgress, hasDiagnostics: Bool
    ) -> [String] {
        var lines = ["Checkpoint  \(directory.checkpoint)"]
        if let best = progress.best { lines.append("Weights     \(directory.weights) (epoch \(best.epoch))") }
        lines.append("Metrics     \(directory.metricsCSV), \(directory.metricsJSONLines)")
        if hasDiagnostics { lines.append("Diagnostics \(directory.diagnosticsCSV), \(directory.diagnosticsJSONLines)") }
        return lines + [
            "Settings    \(directory.record)",
            "Log         \(directory.log)",
        ]
    }

    private static func optimizer(_ settings: TrainingSettings) -> String {
        let optimizer = settings.optimizer
        var parts = [
            "\(optimizer.kind.rawValue): learning rate \(NumberText.short(settings.scaledLearningRate))",
            "momentum \(NumberText.short(optimizer.momentum))",
        ]
        if optimizer.weightDecay > 0 { parts.append("weight decay \(NumberText.short(optimizer.weightDecay))") }
        if let curvature = optimizer.curvature {
            let damping = curvature.startingDamping(batchSize: settings.batchSize)
            parts.append("damping \(NumberText.short(damping))")
            if let clip = curvature.klClip { parts.append("KL clip \(NumberText.short(clip))") }
            if optimizer.kind == .fop { parts.append("beta \(curvature.beta.map { NumberText.short($0) } ?? "paper")") }
        }
        return parts.joined(separator: ", ")
    }

    private static func schedule(_ settings: TrainingSettings) -> String {
        var text = "\(settings.schedule.shape.rawValue) schedule over \(NumberText.count(settings.epochs, "epoch"))"
        if settings.schedule.warmup > 0 { text += ", \(NumberText.short(settings.schedule.warmup)) of them warm-up" }
        if let target = settings.target { text += ", up to \(NumberText.percent(target))" }
        return text
    }

    private static func seconds(_ value: Double) -> String { NumberText.fixed(value, 1) + " s" }
}
