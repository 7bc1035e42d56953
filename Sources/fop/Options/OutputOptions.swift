import ArgumentParser
import Logging
import Training

/// What is kept where, and going on with it.
struct OutputOptions: ParsableArguments {
    @Option(
        help: "The folder for checkpoint, weights, metrics and log (default: runs/<date>-<model>-<optimizer>).",
        completion: .directory)
    var output: String?

    @Option(
        help: """
            Go on with a stopped run: its folder or its checkpoint.safetensors. Settings come from there; --epochs, --target, \
            --data, --device, --threads and --checkpoint-every can be changed.
            """, completion: .file())
    var resume: String?

    @Option(parsing: .unconditional, help: "Epochs between checkpoints (default: 1). One is always saved at the end.")
    var checkpointEvery: Int?

    @Option(
        help: """
            From which level on train.log has messages: \(choices(Logger.Level.allCases.map(\.rawValue))) (default: info). \
            Warnings go to standard error besides.
            """)
    var logLevel = Logger.Level.info.rawValue

    func fill(_ request: inout TrainingRequest) {
        request.checkpointEvery = checkpointEvery
    }
}
