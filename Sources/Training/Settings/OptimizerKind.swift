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
    /// Adam with a step of each parameter's own length.
    case lamb
    /// Gradients times inverse roots of their Gram matrices.
    case shampoo
    /// Adam in the eigenbasis of Shampoo's matrices.
    case soap
    /// Orthogonalised momentum.
    case muon

    /// A few words for listings.
    public var summary: String {
        switch self {
        case .fop: "Fisher-Orthogonal Projection"
        case .kfac: "K-FAC: FOP with beta 0"
        case .sgd: "gradient descent with momentum"
        case .adamw: "Adam with decoupled weight decay"
        case .lamb: "Adam with steps in proportion to the weights' norms"
        case .shampoo: "inverse roots of the gradients' Gram matrices"
        case .soap: "Adam in the eigenbasis of Shampoo's matrices"
        case .muon: "orthogonalised momentum; AdamW for what is no matrix"
        }
    }

    /// Whether it estimates curvature.
    public var usesCurvature: Bool { self == .fop || self == .kfac }

    /// What is used where nothing else is asked for. Learning rates are for batches of about 2048.
    public var defaults: OptimizerSettings {
        switch self {
        case .fop, .kfac:
            return OptimizerSettings(kind: self, learningRate: 0.1, curvature: CurvatureSettings(for: self))
        case .sgd:
            var settings = OptimizerSettings(kind: self, learningRate: 0.4, weightDecay: 5e-4)
            settings.nesterov = false
            return settings
        case .adamw:
            var settings = OptimizerSettings(kind: self, learningRate: 0.01, weightDecay: 0.01)
            (settings.secondBeta, settings.epsilon) = (0.999, 1e-8)
            return settings
        case .lamb:
            var settings = OptimizerSettings(kind: self, learningRate: 0.02, weightDecay: 0.01)
            (settings.secondBeta, settings.epsilon) = (0.999, 1e-6)
            return settings
        case .shampoo:
            var settings = OptimizerSettings(kind: self, learningRate: 0.4, weightDecay: 5e-4)
            (settings.secondBeta, settings.nesterov) = (0.999, true)
            (settings.matrixInterval, settings.grafting) = (20, .sgd)
            return settings
        case .soap:
            var settings = OptimizerSettings(kind: self, learningRate: 0.01, momentum: 0.95, weightDecay: 0.01)
            (settings.secondBeta, settings.epsilon, settings.matrixInterval) = (0.95, 1e-8, 10)
            return settings
        case .muon:
            var settings = OptimizerSettings(kind: self, learningRate: 0.02, momentum: 0.95)
            (settings.nesterov, settings.adamWLearningRate) = (true, 3e-3)
            return settings
        }
    }
}
