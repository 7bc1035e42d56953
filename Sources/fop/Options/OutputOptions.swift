import ArgumentParser
import Logging
import Training

/// What is shown and kept where, and going on with it.
struct OutputOptions: SettingOptions {
    @Option(
        help: help(
            "The folder for checkpoint, weights, metrics and log (default: runs/<date>-<model>-<optimizer>).", "dir"),
        completion: .directory)
    var output: String?

    @Option(
        help: help(
            """
            Go on with a stopped run: its folder or its checkpoint.safetensors. Settings come from there; --epochs \
            (schedules stretch), --target, --data, --device, --threads, --checkpoint-every and --diagnostics can be \
            changed.
            """, "path"),
        completion: .file())
    var resume: String?

    @Option(
        parsing: .unconditional,
        help: help("Epochs between checkpoints (default: 1). One is always saved at the end.", "epochs"))
    var checkpointEvery: String?

    @Option(
        defaultAsFlag: "epoch", parsing: .next,
        help: help(
            """
            fop, kfac: show what the step found, layer by layer (s, beta, eta, the share of the correction, the KL norm \
            and its terms), damping, trust region, inverses, and the gradient noise scale: the batch size beyond which \
            more examples stop paying. Once an epoch, or every so many steps: --diagnostics 10. Also written to \
            diagnostics.csv and .jsonl.
            """, "steps"))
    var diagnostics: String?

    @Option(
        help: help(
            """
            From which level on train.log has messages: \(choices(Logger.Level.allCases.map(\.rawValue))) (default: \
            info). Warnings go to standard error besides.
            """, "level"))
    var logLevel: String?

    /// The level, unless it is none.
    var level: Logger.Level? { Logger.Level(rawValue: logLevel ?? Logger.Level.info.rawValue) }
}
