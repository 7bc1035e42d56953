import FOPCore
import Torch

/// Everything that can be set about ``FOP``. Damping and intervals go by the batch size by default.
public struct FOPOptions: Equatable, Sendable {
    /// How curvature is estimated and the step formed from it.
    public var curvature = CurvatureConfiguration()
    /// Which Fisher block stands for which parameters.
    public var blocks = BlockRegistry()
    /// The heavy-ball momentum on the preconditioned direction; 0 to below 1.
    public var momentum = 0.9
    /// Decoupled weight decay: W <- W - lr (m + weightDecay W).
    public var weightDecay = 0.0
    /// How parameters outside of any Fisher block are updated.
    public var fallback = FallbackOptions()
    /// After so many steps in a row that were not finite, ``FOP/step()`` throws with advice.
    public var maximumSkippedSteps = 20

    public init() {}

    /// What is out of range, with the legal ranges.
    var problems: [String] {
        var checks = SettingChecks()
        checks.share("momentum", momentum)
        checks.nonNegative("weightDecay", weightDecay)
        checks.nonNegative("fallback.learningRateScale", fallback.learningRateScale)
        checks.count("maximumSkippedSteps", maximumSkippedSteps)
        return curvature.problems + checks.problems
    }
}

/// How parameters outside of any Fisher block are updated.
public struct FallbackOptions: Equatable, Sendable {
    /// The rule.
    public enum Rule: Equatable, Sendable {
        /// SGD with FOP's momentum: for convolutional networks.
        case sgd
        /// AdamW: for transformers.
        case adamW(betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8)

        public static func == (lhs: Rule, rhs: Rule) -> Bool {
            switch (lhs, rhs) {
            case (.sgd, .sgd): true
            case (.adamW(let a, let b), .adamW(let c, let d)): a == c && b == d
            default: false
            }
        }
    }

    /// The rule; SGD by default.
    public var rule = Rule.sgd
    /// The rule's learning rate as a multiple of FOP's.
    public var learningRateScale = 1.0

    public init(rule: Rule = .sgd, learningRateScale: Double = 1) {
        self.rule = rule
        self.learningRateScale = learningRateScale
    }
}
