import ArgumentParser
import Logging
import Training

/// `fop train`: trains a network, and keeps what comes of it in a folder.
struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train a network on images, up to a number of epochs or a test accuracy.",
        discussion: """
            Every epoch goes once through the training images in batches, then through the test images. The folder of the run gets \
            checkpoint.safetensors (all that is needed to go on), model.safetensors (the weights of the best epoch), metrics.csv and \
            metrics.jsonl (a row per epoch), run.json (settings, versions, result) and train.log. \
            Documentation/options.md says of every option what it does, when to change it and what it costs.

            EXAMPLES:
              A first try, without data:
                fop train --dataset shapes --model mlp --epochs 3
              The residual network with FOP, to 90 % test accuracy:
                fop train --target 90%
              A baseline:
                fop train --optimizer sgd --learning-rate 0.2 --schedule multi-step --decay-epochs 15,25
              A larger batch: the learning rate in proportion, with a warm-up, in parts that fit into memory:
                fop train --batch-size 8192 --base-batch-size 2048 --warmup 2 --micro-batches 4
              What FOP does, layer by layer, and whether a larger batch would pay:
                fop train --model mlp --diagnostics
              Variations of the method:
                fop train --sub-batches 4 --fisher monte-carlo --damping-policy adaptive
              Going on with a run:
                fop train --resume runs/20260131-235959-resnet-fop

            Ctrl-C finishes the step, saves a checkpoint and says how to resume; once more ends at once. A resumed run gives bit \
            for bit what it would have given without the stop, on the same number of threads.
            'fop --help' lists the exit codes.
            """)

    @OptionGroup(title: "Model and data") var data: DataOptions
    @OptionGroup(title: "Training") var loop: LoopOptions
    @OptionGroup(title: "Optimizer") var optimizer: OptimizerOptions
    @OptionGroup(title: "Learning-rate schedule") var schedule: ScheduleOptions
    @OptionGroup(title: "FOP and K-FAC: curvature") var curvature: CurvatureOptions
    @OptionGroup(title: "FOP and K-FAC: damping") var damping: DampingOptions
    @OptionGroup(title: "FOP and K-FAC: step") var step: StepOptions
    @OptionGroup(title: "Other optimizers") var baselines: BaselineOptions
    @OptionGroup(title: "Numerics") var numerics: NumericsOptions
    @OptionGroup(title: "Machine") var machine: MachineOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    /// What the command line asks for.
    private var request: TrainingRequest {
        let groups: [any SettingOptions] = [
            data, loop, optimizer, schedule, curvature, damping, step, baselines, numerics, machine, output,
        ]
        var request = TrainingRequest()
        for group in groups { group.fill(&request) }
        return request
    }

    func validate() throws {
        var problems: [String] = []
        if let text = output.logLevel, output.level == nil {
            problems.append("--log-level is \(text): use \(choices(Logger.Level.allCases.map(\.rawValue)))")
        }
        // What a checkpoint says is not known yet.
        if output.resume == nil {
            do {
                let settings = try request.settings()
                if loop.requireTarget, settings.target == nil { problems.append("--require-target needs --target") }
            } catch TrainingError.invalidSettings(let others) {
                problems += others
            }
        }
        guard !problems.isEmpty else { return }
        throw ValidationError(
            problems.count == 1 ? problems[0] : "\(problems.count) options cannot be used:\n  " + problems.joined(separator: "\n  "))
    }

    func run() throws {
        let terminal = Terminal()
        let run = try makeRun(terminal)
        for line in RunSummary.opening(run.trainer.session, run.directory) { terminal.print(line) }
        let console = TrainingConsole(terminal, epochs: run.trainer.session.settings.epochs)
        StopSignals.listen()
        let end = try run.run(isStopped: { StopSignals.received != nil }, report: console.show)
        if end == .stopped {
            let command = "\(shellQuoted(CommandLine.arguments[0])) train --resume \(shellQuoted(run.directory.path))"
            for line in RunSummary.stopped(run, command: command) { terminal.print(line) }
            throw ExitCode(ExitStatus(signal: StopSignals.received ?? 0).rawValue)
        }
        for line in RunSummary.closing(run) { terminal.print(line) }
        if loop.requireTarget, end != .targetReached { throw ExitCode(ExitStatus.targetMissed.rawValue) }
    }

    /// Everything that can be wrong is found here, before training: settings, device, data, checkpoint, folder.
    private func makeRun(_ terminal: Terminal) throws -> TrainingRun {
        let checkpointPath = try output.resume.map { try Checkpoint.locate($0) }
        let header = try checkpointPath.map { try CheckpointHeader(path: $0) }
        let settings = try request.settings(over: header?.settings, checkpoint: checkpointPath ?? "")
        warn(terminal, about: settings, after: header?.settings)
        let trainer = Trainer(try TrainingSession(settings))
        if let path = checkpointPath { try trainer.restore(try Checkpoint(path: path), from: path) }
        let home = checkpointPath.map { RunDirectory(ofCheckpoint: $0) }
        let directory = output.output.map { RunDirectory($0) } ?? home ?? .fresh(for: settings)
        let level = output.level ?? .info
        return try TrainingRun(
            trainer, in: directory, isResumed: directory == home, command: CommandLine.arguments, logLevel: level,
            echo: ConsoleLog(terminal, level: level))
    }

    private func warn(_ terminal: Terminal, about settings: TrainingSettings, after saved: TrainingSettings?) {
        guard let saved, saved.threads != settings.threads || saved.device != settings.device else { return }
        terminal.warn(
            """
            fop: warning: the run was on \(saved.device) with \(NumberText.count(saved.threads, "thread")); from here on its results \
            differ in the last bits from those it would have had there
            """)
    }
}
