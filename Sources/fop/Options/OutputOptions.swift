import ArgumentParser
import Logging
import Training

/// What is kept where, and going on with it.
struct OutputOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The folder for checkpoint, weights, metrics and log (default: runs/<date>-<model>-<optimizer>).", valueName: "dir"),
        completion: .directory)
    var output: String?

    @Option(
        help: ArgumentHelp(
            """
            Go on with a stopped run: its folder or its checkpoint.safetensors. Settings come from there; \
            --epochs (schedules stretch), --target, --data, --device, --threads and --checkpoint-every can be \
            changed.
            """, valueName: "path"),
        completion: .file())
    var resume: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Epochs between checkpoints (default: 1). One is always saved at the end.", valueName: "epochs"))
    var checkpointEvery: Int?

    @Option(
        help: ArgumentHelp(
            """
            From which level on train.log has messages: \(choices(Logger.Level.allCases.map(\.rawValue))) \
            (default: info). Warnings go to standard error besides.
            """, valueName: "level"))
    var logLevel: String?

    /// The level, unless it is none.
    var level: Logger.Level? { Logger.Level(rawValue: logLevel ?? Logger.Level.info.rawValue) }

    func fill(_ request: inout TrainingRequest) {
        request.checkpointEvery = checkpointEvery
    }
}
