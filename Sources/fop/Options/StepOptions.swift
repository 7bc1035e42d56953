import ArgumentParser
import Training

/// How FOP makes a step of gradients and curvature.
struct StepOptions: SettingOptions {
    @Option(
        parsing: .unconditional,
        help: help(
            """
            The weight of the part of the sub-batches' differences that is Fisher-orthogonal to their mean: paper (its \
            formula), zero (K-FAC) or a number (default: paper).
            """, "x"))
    var beta: String?

    @Option(
        help: help(
            """
            The length of the step: average (1/2 to 1 along the mean gradient), sum (twice that) or off (1) (default: \
            average).
            """, "name"))
    var eta: String?

    @Option(
        help: help(
            """
            What orthogonal means: in the Fisher matrix (fisher) or in the damped one (damped) (default: fisher).
            """, "name"))
    var metric: String?

    @Option(
        parsing: .unconditional,
        help: help("Into how many sub-batches a batch is split; 2 is the paper's method (default: 2).", "n"))
    var subBatches: String?

    @Option(
        help: help(
            """
            What the sub-batches are: example (parts of each micro-batch), micro-batch (groups of them), or auto: the \
            latter if there are several (default: auto).
            """, "name"))
    var split: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            The trust region: a step is shortened to keep the estimated change of the outputs below it; a number or \
            none (default: \(CurvatureOptions.standard.klClip.map { NumberText.short($0) } ?? "none")).
            """, "x"))
    var klClip: String?

    @Option(
        help: help(
            """
            How parameters without a Fisher block are updated: sgd, adamw, or auto, which is adamw for vit and sgd \
            otherwise (default: auto).
            """, "name"))
    var fallback: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            The fallback's learning rate as a multiple of --learning-rate; a number or auto: 1 for sgd, 0.03 for adamw \
            (default: auto).
            """,
            "x"))
    var fallbackRate: String?
}
