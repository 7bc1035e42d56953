/// How the learning rate changes over a run.
public struct ScheduleSettings: Codable, Equatable, Sendable {
    /// The course after the warm-up.
    public enum Shape: String, CaseIterable, Codable, Sendable {
        /// Always the learning rate.
        case constant
        /// Along half a cosine from the learning rate to its final share at the end of the last epoch.
        case cosine
        /// Along a straight line from the learning rate to its final share at the end of the last epoch.
        case linear
        /// Times the decay factor every so many epochs.
        case step
        /// Times the decay factor at each of some epochs.
        case multiStep = "multi-step"
        /// Times the decay factor every epoch.
        case exponential
        /// Up to the learning rate and down to nearly 0 along cosines.
        case oneCycle = "one-cycle"
        /// Times the decay factor when a metric no longer gets better.
        case plateau
    }

    /// What the plateau is one of.
    public enum Metric: String, CaseIterable, Codable, Sendable {
        case testLoss = "test-loss"
        case testAccuracy = "test-accuracy"
        case trainLoss = "train-loss"
    }

    /// The course after the warm-up.
    public var shape = Shape.cosine
    /// Over how many epochs, or parts of one, the learning rate rises from near 0.
    public var warmup = 0.0
    /// `step`: how many epochs lie between decays, one number; nil for a third of all. `multiStep`: the epochs, counted
    /// from the end of the warm-up, after which it decays; nil for a half and three quarters of all.
    public var decayEpochs: [Int]?
    /// What the learning rate is multiplied with at each decay; nil for 0.9 with `exponential` and 0.1 otherwise.
    public var decayFactor: Double?
    /// `cosine`, `linear`: the share of the learning rate that is left at the end; `plateau`: that it does not fall
    /// below.
    public var finalShare = 0.0
    /// `oneCycle`: the share of all steps on the way up.
    public var cycleRise = 0.3
    /// `plateau`: how many epochs in a row that are no better are tolerated.
    public var patience = 3
    /// `plateau`: what is to get better.
    public var plateauMetric = Metric.testLoss

    public init() {}

    /// ``decayFactor``, or what stands for nil.
    var decay: Double { decayFactor ?? (shape == .exponential ? 0.9 : 0.1) }

    func checkTogether(_ problems: inout Problems, epochs: Int) {
        problems.require(
            warmup <= Double(max(epochs, 0)), "--warmup", warmup, "a number of epochs from 0 to --epochs (\(epochs))")
        if shape == .step, let decayEpochs {
            problems.require(
                decayEpochs.count == 1, "--decay-epochs", decayEpochs, "one whole number, or --schedule multi-step")
        }
        if shape == .oneCycle, warmup != 0 {
            problems.require(false, "--warmup", warmup, "0: one-cycle has a rise of its own, --cycle-rise")
        }
    }
}
