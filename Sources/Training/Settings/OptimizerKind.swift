/// The optimizers that can be chosen by name.
public enum OptimizerKind: String, CaseIterable, Codable, Sendable {
    /// Fisher-Orthogonal Projection.
    case fop
    /// The same without the orthogonal correction: K-FAC.
    case kfac
    /// Gradient descent with momentum.
    case sgd
    /// Adam with decoupled weight decay.
    case adamw

    /// A few words for listings.
    public var summary: String {
        switch self {
        case .fop: "Fisher-Orthogonal Projection"
        case .kfac: "K-FAC: FOP with beta 0"
        case .sgd: "gradient descent with momentum"
        case .adamw: "Adam with decoupled weight decay"
        }
    }

    /// Whether it estimates curvature.
    public var usesCurvature: Bool { self == .fop || self == .kfac }

    /// What is used where nothing else is asked for. Learning rates are for batches of about 2048.
    public var defaults: OptimizerSettings {
        switch self {
        case .fop, .kfac: OptimizerSettings(kind: self, learningRate: 0.1, curvature: CurvatureSettings(for: self))
        case .sgd: OptimizerSettings(kind: self, learningRate: 0.4, weightDecay: 5e-4)
        case .adamw: OptimizerSettings(kind: self, learningRate: 0.01, weightDecay: 0.01)
        }
    }
}

/// An optimizer and its numbers.
public struct OptimizerSettings: Codable, Equatable, Sendable {
    /// Which one.
    public var kind: OptimizerKind
    /// The learning rate that the schedule's factors multiply.
    public var learningRate: Double
    /// The momentum; AdamW's first beta.
    public var momentum: Double
    /// The weight decay: decoupled, except for SGD, where it is added to the gradient as torch does.
    public var weightDecay: Double
    /// What only FOP and K-FAC have.
    public var curvature: CurvatureSettings?

    /// - Parameters:
    ///   - momentum: default 0.9.
    ///   - weightDecay: default 0.
    ///   - curvature: nil for SGD and AdamW.
    public init(
        kind: OptimizerKind, learningRate: Double, momentum: Double = 0.9, weightDecay: Double = 0,
        curvature: CurvatureSettings? = nil
    ) {
        self.kind = kind
        self.learningRate = learningRate
        self.momentum = momentum
        self.weightDecay = weightDecay
        self.curvature = curvature
    }
}
