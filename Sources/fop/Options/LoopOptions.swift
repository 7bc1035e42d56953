import ArgumentParser
import Training

/// How long and in what steps.
struct LoopOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Images a step (default: 2048).", valueName: "n"))
    var batchSize: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Epochs at most (default: 30).", valueName: "n"))
    var epochs: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Stop at this test accuracy: a fraction such as 0.9, a percentage such as 90%, or none (default: \
            none).
            """, valueName: "accuracy"))
    var target: String?

    @Flag(help: "End with code 3 if the target is not reached.")
    var requireTarget = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The share of each label that is spread over all classes (default: 0).", valueName: "x"))
    var labelSmoothing: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            What weights, order, variations and dropout are drawn from (default: 0). The same seed on the same \
            number of threads gives the same run, bit for bit.
            """, valueName: "n"))
    var seed: UInt64?

    func fill(_ request: inout TrainingRequest) {
        request.batchSize = batchSize
        request.epochs = epochs
        request.target = target
        request.labelSmoothing = labelSmoothing
        request.seed = seed
    }
}
