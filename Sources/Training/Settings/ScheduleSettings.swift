/// How the learning rate changes over a run.
public struct ScheduleSettings: Codable, Equatable, Sendable {
    /// The course after the warm-up.
    public enum Shape: String, CaseIterable, Codable, Sendable {
        /// Always the learning rate.
        case constant
        /// Along half a cosine from the learning rate to 0 at the end of the last epoch.
        case cosine
        /// Along a straight line from the learning rate to 0 at the end of the last epoch.
        case linear
        /// The learning rate times the decay factor to the power of the number of decays so far.
        case step
    }

    /// The course after the warm-up.
    public var shape = Shape.cosine
    /// Over how many epochs, or parts of one, the learning rate rises from near 0.
    public var warmup = 0.0
    /// `step`: how many epochs lie between decays; nil for a third of all.
    public var decayEpochs: Int?
    /// `step`: what the learning rate is multiplied with at each decay.
    public var decayFactor = 0.1

    public init() {}

    func check(_ problems: inout Problems, epochs: Int) {
        problems.require(
            warmup >= 0 && warmup <= Double(max(epochs, 0)), "--warmup", warmup,
            "a number of epochs from 0 to --epochs (\(epochs))")
        problems.require(
            decayEpochs.map { (1...1_000_000).contains($0) } ?? true, "--decay-epochs", decayEpochs,
            "a whole number from 1 to 1000000")
        problems.require(
            decayFactor > 0 && decayFactor <= 1, "--decay-factor", decayFactor, "a number above 0, at most 1")
    }
}
