import FOPCore

/// What can be set about the curvature of FOP and K-FAC. Defaults are those of ``FOPCore/CurvatureConfiguration``.
public struct CurvatureSettings: Codable, Equatable, Sendable {
    /// Added to the Fisher blocks.
    public var damping: Double
    /// The trust region; nil for none.
    public var klClip: Double?
    /// Steps between updates of the factors; nil for the rule that goes by the batch size.
    public var factorInterval: Int?
    /// Steps between inversions; nil for the same rule.
    public var inverseInterval: Int?
    /// The share that the moving average of the factors keeps.
    public var emaDecay: Double
    /// The weight of the orthogonal correction; nil for the paper's formula, 0 for K-FAC.
    public var beta: Double?

    /// The defaults for FOP or K-FAC.
    public init(for kind: OptimizerKind = .fop) {
        let configuration = CurvatureConfiguration()
        damping = configuration.damping
        klClip = configuration.klClip
        factorInterval = configuration.factorInterval.fixedSteps
        inverseInterval = configuration.inverseInterval.fixedSteps
        emaDecay = configuration.emaDecay
        beta = kind == .kfac ? 0 : nil
    }

    /// As the optimizer takes it.
    public var configuration: CurvatureConfiguration {
        var configuration = CurvatureConfiguration()
        configuration.damping = damping
        configuration.klClip = klClip
        configuration.factorInterval = factorInterval.map { .every($0) } ?? .automatic
        configuration.inverseInterval = inverseInterval.map { .every($0) } ?? .automatic
        configuration.emaDecay = emaDecay
        configuration.beta =
            switch beta {
            case nil: .paper
            case 0: .zero
            case let value?: .fixed(value)
            }
        return configuration
    }
}

extension Interval {
    fileprivate var fixedSteps: Int? {
        if case .every(let steps) = self { steps } else { nil }
    }
}
