import FOPCore

/// What can be set about FOP and K-FAC. Defaults are those of ``FOPCore/CurvatureConfiguration``.
public struct CurvatureSettings: Codable, Equatable, Sendable {
    /// Whose labels the curvature is made of.
    public var fisher = FisherChoice.empirical
    /// How many labels are drawn per example for the Monte Carlo Fisher.
    public var fisherSamples = 1
    /// How weight-sharing layers enter the factors.
    public var weightSharing = WeightSharingChoice.expand
    /// Steps between updates of the factors; nil for the rule that goes by the batch size.
    public var factorInterval: Int?
    /// Steps between inversions; nil for the same rule.
    public var inverseInterval: Int?
    /// Whether each block has a step of the interval of its own.
    public var staggersCurvature: Bool {
        get { staggerCurvature ?? false }
        set { staggerCurvature = newValue ? true : nil }
    }
    /// Nil is off: files from before there was the option do not have it.
    private var staggerCurvature: Bool?
    /// How many examples of a batch enter a factor.
    public var factorExamples = FactorExamplesChoice.automatic
    /// The share that the moving average of the factors keeps.
    public var emaDecay: Double
    /// The kind of Fisher block of the layers that it fits.
    public var block = BlockChoice.kronecker
    /// The largest dimension of a factor that is not split.
    public var maximumFactorSize: Int
    /// The most outputs or vectors of a linear layer or an embedding with a Fisher block.
    public var maximumVocabulary: Int
    /// Added to the Fisher blocks; nil for the rule that goes by the batch size.
    public var damping: Double?
    /// How the damping changes.
    public var dampingPolicy = DampingRule.fixed
    /// `scheduled`: the damping of the last step; nil for a tenth of the first.
    public var finalDamping: Double?
    /// `adaptive`: how it follows the quadratic model.
    public var adaptive = AdaptiveDampingSettings()
    /// The weight of the orthogonal correction; nil for the paper's formula, 0 for K-FAC.
    public var beta: Double?
    /// The length of the step.
    public var eta = EtaChoice.average
    /// The matrix for the orthogonality.
    public var metric = MetricChoice.fisher
    /// How many sub-batches' gradients are compared.
    public var subBatches = 2
    /// What the sub-batches are.
    public var split = SplitChoice.automatic
    /// The trust region; nil for none.
    public var klClip: Double?
    /// How parameters without a Fisher block are updated.
    public var fallback = FallbackChoice.automatic
    /// The fallback's learning rate as a multiple of the optimizer's; nil for 1 with SGD and 0.03 with AdamW.
    public var fallbackRate: Double?

    /// The defaults for FOP or K-FAC.
    public init(for kind: OptimizerKind = .fop) {
        let configuration = CurvatureConfiguration()
        damping = configuration.damping
        klClip = configuration.klClip
        emaDecay = configuration.emaDecay
        maximumFactorSize = configuration.maximumFactorSize
        maximumVocabulary = configuration.maximumVocabulary
        beta = kind == .kfac ? 0 : nil
    }

    func checkTogether(_ problems: inout Problems, kind: OptimizerKind) {
        if kind == .kfac, beta != 0 {
            problems.add(
                "--beta is \(SettingFormat.beta.write(beta)): kfac is FOP with beta zero; use --optimizer fop")
        }
        if let beta, beta != 0, subBatches != 2 {
            problems.require(false, "--sub-batches", subBatches, "2 with a number for --beta, or --beta paper")
        }
        if dampingPolicy == .adaptive {
            problems.require(
                adaptive.minimum <= adaptive.maximum && adaptive.maximum.isFinite, "--minimum-damping",
                adaptive.minimum, "a number that is not above --maximum-damping (\(adaptive.maximum))")
        }
    }
}

/// Whose labels the curvature is made of: ``FOPCore/FisherType``.
public enum FisherChoice: String, CaseIterable, Codable, Sendable {
    case empirical
    case monteCarlo = "monte-carlo"
    case exact
}

/// The kind of Fisher block of layers with a weight: ``FOPCore/BlockKind``.
public enum BlockChoice: String, CaseIterable, Codable, Sendable {
    case kronecker, ekfac, diagonal
    /// None: the fallback rule updates them.
    case fallback
}

/// How weight-sharing layers enter the factors: ``FOPCore/WeightSharing``.
public enum WeightSharingChoice: String, CaseIterable, Codable, Sendable {
    case expand, reduce
}

/// How the damping changes during a run: ``FOPCore/DampingPolicy``.
public enum DampingRule: String, CaseIterable, Codable, Sendable {
    case fixed
    /// By the same factor at every step, to the final damping at the end of the last epoch.
    case scheduled
    case adaptive
}

/// The numbers of ``FOPCore/AdaptiveDamping``.
public struct AdaptiveDampingSettings: Codable, Equatable, Sendable {
    /// Steps between two changes.
    public var interval = AdaptiveDamping().interval
    /// What a step's share in a change is.
    public var decay = AdaptiveDamping().decay
    /// The damping stays between these.
    public var minimum = AdaptiveDamping().minimum
    public var maximum = AdaptiveDamping().maximum
}

/// The length of the step: ``FOPCore/EtaPolicy``.
public enum EtaChoice: String, CaseIterable, Codable, Sendable {
    case average, sum, off
}

/// The matrix for the orthogonality: ``FOPCore/ProjectionMetric``.
public enum MetricChoice: String, CaseIterable, Codable, Sendable {
    case fisher, damped
}

/// What the sub-batches are: ``FOPCore/SubBatchSplit``.
public enum SplitChoice: String, CaseIterable, Codable, Sendable {
    case automatic = "auto"
    case example
    case microBatch = "micro-batch"
}

/// How parameters without a Fisher block are updated.
public enum FallbackChoice: String, CaseIterable, Codable, Sendable {
    /// AdamW for transformers, SGD for other networks.
    case automatic = "auto"
    case sgd, adamw
}

/// How many examples of a batch enter a factor: ``FOPCore/FactorExamples``. In files its text.
public enum FactorExamplesChoice: Equatable, Sendable {
    case automatic, all
    case atMost(Int)

    var count: Int? { if case .atMost(let count) = self { count } else { nil } }

    var text: String {
        switch self {
        case .automatic: "auto"
        case .all: "all"
        case .atMost(let count): "\(count)"
        }
    }

    init?(text: String) {
        switch text {
        case "auto": self = .automatic
        case "all": self = .all
        default:
            guard let count = Int(text) else { return nil }
            self = .atMost(count)
        }
    }
}

extension FactorExamplesChoice: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let choice = FactorExamplesChoice(text: text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "'\(text)' is no number of examples")
        }
        self = choice
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
