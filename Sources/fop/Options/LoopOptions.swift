import ArgumentParser
import Training

/// How long and in what steps.
struct LoopOptions: SettingOptions {
    @Option(parsing: .unconditional, help: help("Images a step (default: 2048).", "n"))
    var batchSize: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            In how many parts a step's images go through the network, for batches that do not fit into memory; for fop \
            the parts are what the sub-batches are made of (default: 1).
            """, "n"))
    var microBatches: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            Images that go through the network at once, so that a large batch fits into memory and cache; the step is the \
            whole batch's, but batch normalisation sees a slice: a number or none (default: none).
            """, "n"))
    var sliceSize: String?

    @Option(parsing: .unconditional, help: help("Epochs at most (default: 30).", "n"))
    var epochs: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            Stop at this test accuracy: a fraction such as 0.9, a percentage such as 90%, or none (default: none).
            """, "accuracy"))
    var target: String?

    @Flag(help: "End with code \(ExitStatus.targetMissed.rawValue) if the target is not reached.")
    var requireTarget = false

    @Option(
        parsing: .unconditional,
        help: help("The share of each label that is spread over all classes (default: 0).", "x"))
    var labelSmoothing: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            Evaluate and keep a moving average of the weights that keeps this share of itself at every step, such as \
            0.99; a number or none (default: none).
            """, "x"))
    var weightAverage: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            What weights, order, variations and dropout are drawn from (default: 0). The same seed on the same number \
            of threads gives the same run, bit for bit.
            """, "n"))
    var seed: String?
}

/// What keeps a run's numbers in range.
struct NumericsOptions: SettingOptions {
    @Option(
        help: help(
            """
            The type of the forward pass's products: float32, bfloat16 or float16, which finds a loss scale on the way \
            (default: float32). Weights, factors and evaluation stay in float32.
            """, "type"))
    var precision: String?

    @Option(
        parsing: .unconditional,
        help: help("Shorten a step's gradients to this Euclidean norm; a number or none (default: none).", "x"))
    var clipNorm: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            A step with a loss, gradients or statistics that are not finite changes nothing. After so many in a row \
            the run ends with advice and code \(ExitStatus.diverged.rawValue) (default: 20).
            """, "n"))
    var maxSkipped: String?
}
