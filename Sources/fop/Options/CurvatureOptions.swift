import ArgumentParser
import Training

/// How FOP and K-FAC estimate the curvature.
struct CurvatureOptions: SettingOptions {
    @Option(
        help: help(
            """
            Whose labels the curvature is made of: empirical (the true ones, at no extra cost), monte-carlo (drawn \
            from the model's predictions: more backward passes on curvature steps) or exact (all classes: one backward \
            pass each, for small models) (default: empirical).
            """, "name"))
    var fisher: String?

    @Option(
        parsing: .unconditional,
        help: help("monte-carlo: labels drawn per example, a backward pass each (default: 1).", "n"))
    var fisherSamples: String?

    @Option(
        help: help(
            """
            How layers that use a weight at several positions enter the factors: expand (each position counts) or \
            reduce (positions are merged: cheaper, for transformers) (default: expand).
            """, "name"))
    var weightSharing: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            Steps between updates of the factors; a number or auto, which goes by the batch size: about every 25,600 \
            images, at least 5 steps, and at steps 0, 1, 2, 4, 8 and so on before that (default: auto).
            """, "n"))
    var factorInterval: String?

    @Option(
        parsing: .unconditional,
        help: help("Steps between inversions of the factors; a number or auto, the same rule (default: auto).", "n"))
    var inverseInterval: String?

    @Option(
        help: help(
            """
            on: each block has a step of the interval of its own at which its factors and inverse are updated, so that \
            all steps take about the same time; off: one step updates all (default: off).
            """, "on/off"))
    var staggerCurvature: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            How many images of a batch a factor is computed from; a number, auto (enough for its size) or all \
            (default: auto).
            """, "n"))
    var factorExamples: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            The share that the factors' moving average keeps (default: \(NumberText.short(standard.emaDecay))).
            """, "x"))
    var emaDecay: String?

    @Option(
        help: help(
            """
            The Fisher block of layers with a weight: kronecker, ekfac (in the factors' eigenbasis, with second moments \
            of its own), diagonal, or fallback (none) (default: kronecker).
            """, "name"))
    var block: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            Factors of a larger dimension are split into blocks along their diagonal (default: \
            \(standard.maximumFactorSize)).
            """, "n"))
    var maxFactorSize: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            Linear layers of more outputs, and embeddings of more vectors, get no Fisher block (default: \
            \(standard.maximumVocabulary)).
            """, "n"))
    var maxVocabulary: String?

    static let standard = CurvatureSettings()
}

/// What FOP and K-FAC add to the curvature.
struct DampingOptions: SettingOptions {
    @Option(
        parsing: .unconditional,
        help: help(
            """
            What is added to the Fisher blocks: larger is safer and nearer to plain gradient descent; a number or auto, \
            which is 40 over the largest batch size, from 0.001 to 0.1 (default: auto).
            """, "x"))
    var damping: String?

    @Option(
        help: help(
            """
            How it changes: fixed, scheduled (by the same factor at every step, to --final-damping) or adaptive \
            (Levenberg-Marquardt: by how well the quadratic model predicts the loss) (default: fixed).
            """, "name"))
    var dampingPolicy: String?

    @Option(
        parsing: .unconditional,
        help: help("scheduled: the damping of the last step (default: a tenth of --damping).", "x"))
    var finalDamping: String?

    @Option(
        parsing: .unconditional,
        help: help("adaptive: steps between changes, each one more forward pass (default: 5).", "n"))
    var dampingInterval: String?

    @Option(
        parsing: .unconditional,
        help: help("adaptive: the factor of a change, for each step of the interval (default: 0.95).", "x"))
    var dampingDecay: String?

    @Option(parsing: .unconditional, help: help("adaptive: it stays at or above this (default: 1e-8).", "x"))
    var minimumDamping: String?

    @Option(parsing: .unconditional, help: help("adaptive: it stays at or below this (default: 1000).", "x"))
    var maximumDamping: String?
}
