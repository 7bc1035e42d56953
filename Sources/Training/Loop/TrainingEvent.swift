/// What a run tells while it goes on.
public enum TrainingEvent: Sendable {
    /// A step was taken.
    case step(StepReport)
    /// What the last step found was read.
    case diagnostics(DiagnosticsRecord)
    /// The epoch's steps are done, the test images follow.
    case evaluating(epoch: Int)
    /// An epoch is complete.
    case epoch(EpochRecord, isBest: Bool)
}

/// Where a run is within an epoch.
public struct StepReport: Equatable, Sendable {
    /// The epoch's number, from 1, and how many there are at most.
    public var epoch, epochs: Int
    /// How many of the epoch's steps are done, and how many it has.
    public var step, steps: Int
    /// The mean loss of the epoch so far; nil while every step was skipped.
    public var loss: Double?
    /// Examples a second of the epoch so far.
    public var examplesPerSecond: Double
    /// How many seconds the rest of the epoch's steps will take at that rate.
    public var secondsLeft: Double
    /// How many of the epoch's steps were skipped.
    public var skippedSteps: Int

    public init(
        epoch: Int, epochs: Int, step: Int, steps: Int, loss: Double?, examplesPerSecond: Double, secondsLeft: Double,
        skippedSteps: Int = 0
    ) {
        self.epoch = epoch
        self.epochs = epochs
        self.step = step
        self.steps = steps
        self.loss = loss
        self.examplesPerSecond = examplesPerSecond
        self.secondsLeft = secondsLeft
        self.skippedSteps = skippedSteps
    }
}
