import ArgumentParser
import Training

/// What only FOP and K-FAC have.
struct CurvatureOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            What is added to the Fisher blocks (default: \(NumberText.short(standard.damping))). Larger is safer \
            and nearer to plain gradient descent.
            """, valueName: "x"))
    var damping: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            The trust region: a step is shortened to keep the estimated change of the outputs below it; a number \
            or none (default: \(standard.klClip.map { NumberText.short($0) } ?? "none")).
            """, valueName: "x"))
    var klClip: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Steps between updates of the factors; a number or auto, which goes by the batch size (default: \
            auto).
            """, valueName: "n"))
    var factorInterval: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Steps between inversions of the factors; a number or auto (default: auto).", valueName: "n"))
    var inverseInterval: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The share that the factors' moving average keeps (default: \(NumberText.short(standard.emaDecay))).", valueName: "x"))
    var emaDecay: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            The weight of the part of the halves' difference that is Fisher-orthogonal to their mean: paper (its \
            formula), zero or a number (default: paper).
            """, valueName: "x"))
    var beta: String?

    func fill(_ request: inout TrainingRequest) {
        request.damping = damping
        request.klClip = klClip
        request.factorInterval = factorInterval
        request.inverseInterval = inverseInterval
        request.emaDecay = emaDecay
        request.beta = beta
    }

    private static let standard = CurvatureSettings()
}
