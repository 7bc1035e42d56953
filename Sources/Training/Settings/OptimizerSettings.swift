/// An optimizer and its numbers.
public struct OptimizerSettings: Codable, Equatable, Sendable {
    /// Which one.
    public var kind: OptimizerKind
    /// The learning rate that the schedule's factors multiply; for batches of ``baseBatchSize`` if that is set.
    public var learningRate: Double
    /// The batch size that ``learningRate`` is meant for: at others it is scaled in proportion. Nil for no scaling.
    public var baseBatchSize: Int?
    /// The momentum; the first beta of AdamW, LAMB and SOAP.
    public var momentum: Double
    /// The weight decay: decoupled, except for SGD, where it is added to the gradient as torch does.
    public var weightDecay: Double
    /// The share that averages of squares or Gram matrices keep: AdamW, LAMB, Shampoo and SOAP.
    public var secondBeta: Double?
    /// What is added to the root of the squares' average: AdamW, LAMB and SOAP.
    public var epsilon: Double?
    /// Whether to step ahead by the momentum: SGD, Shampoo and Muon.
    public var nesterov: Bool?
    /// Steps between two roots (Shampoo) or bases (SOAP).
    public var matrixInterval: Int?
    /// Whose step length Shampoo takes over.
    public var grafting: GraftingChoice?
    /// Muon's learning rate for what is no matrix; it changes in proportion to ``learningRate``.
    public var adamWLearningRate: Double?
    /// What only FOP and K-FAC have.
    public var curvature: CurvatureSettings?

    /// - Parameters:
    ///   - momentum: default 0.9.
    ///   - weightDecay: default 0.
    ///   - curvature: nil for all but FOP and K-FAC.
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

    /// What the learning rates are multiplied with for batches of this size.
    func batchScale(_ batchSize: Int) -> Double { baseBatchSize.map { Double(batchSize) / Double($0) } ?? 1 }
}

/// Whose step length Shampoo takes over.
public enum GraftingChoice: String, CaseIterable, Codable, Sendable {
    case none, sgd, adagrad, rmsprop
}
