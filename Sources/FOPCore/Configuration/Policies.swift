/// How far the Fisher-orthogonal part of the gradients' difference is followed, per layer (equation 16).
public enum BetaPolicy: Equatable, Sendable {
    /// The paper's closed form, beta = D / E.
    case paper
    /// No correction: the step is K-FAC's.
    case zero
    /// The same weight for every layer and step; for two sub-batches only.
    case fixed(Double)
}

/// How long the step is, per layer (equation 17).
public enum EtaPolicy: Equatable, Sendable {
    /// Along the mean of the sub-batch gradients: 1/2 to 1 at the paper's beta. The default.
    case average
    /// Along their sum, as the paper's formula reads: twice ``average``.
    case sum
    /// Always 1.
    case off
}

/// The matrix in which the difference is made orthogonal to the mean (equation 4).
public enum ProjectionMetric: Equatable, Sendable {
    /// The undamped moving average of the Fisher block, F.
    case fisher
    /// The damped block that also preconditions, M.
    case damped
}

/// How a layer that uses its weight at several positions enters the factors (Eschenhagen et al. 2023).
public enum WeightSharing: Equatable, Sendable {
    /// Every position is an example of its own: KFC's factors. The default.
    case expand
    /// Positions are merged first: inputs averaged, output gradients summed. Cheaper, and right for transformers.
    case reduce
}

/// What the loss does with the examples' losses.
public enum LossReduction: Equatable, Sendable {
    /// It takes the mean: the default, as torch's.
    case mean
    /// It takes the sum.
    case sum
}

/// How many of a batch's examples a factor is computed from.
public enum FactorExamples: Equatable, Sendable {
    /// All.
    case all
    /// For the output's factor half of the batch's, but no fewer than 256 and no more than 512 if there are so many,
    /// for the input's 128; or as many as make 16 rows (examples times positions) per dimension, if that is more. The
    /// default: the step is about as far from that of all examples as with the factors of another batch (measured by
    /// `make bench-samples`). Inputs are alike where output gradients are not: a few examples that the network gets
    /// wrong have most of their square.
    case automatic
    /// At most so many, evenly spread over the batch.
    case atMost(Int)

    /// How many rows for each dimension of a factor ``automatic`` asks for.
    public static let rowsPerDimension = 16

    /// How many examples ``automatic`` asks for at least, for an output's factor. What half of a batch misses is less
    /// than what two batches differ by.
    static func leastForOutputs(batchSize: Int) -> Int { min(512, max(256, batchSize / 2)) }
}

/// Whose labels the curvature is made of (section 2 of the algorithm).
public enum FisherType: Equatable, Sendable {
    /// The true labels, from the same backward pass as the gradients. The default.
    case empirical
    /// Labels drawn from the model's own predictions: so many more backward passes on curvature steps. Needs to know
    /// the predictions, see `FOP.backward(_:predictions:)`.
    case monteCarlo(samples: Int = 1)
    /// The expectation over the model's own predictions: one more backward pass per class on curvature steps, for small
    /// models.
    case exact
}

/// What the sub-batches are, whose gradients are compared (section 4 of the algorithm).
public enum SubBatchSplit: Equatable, Sendable {
    /// With one backward pass before a step as ``example``, with several as ``microBatch``. The default.
    case automatic
    /// Consecutive examples: each backward pass's batch is split, and its j-th part belongs to sub-batch j.
    case example
    /// Consecutive backward passes. One alone gives one sub-batch, and so K-FAC's step.
    case microBatch
    /// Processes: those of even and of odd rank.
    case process
}
