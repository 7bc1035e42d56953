/// What came out of one epoch: a row of the table and of the metrics files.
public struct EpochRecord: Codable, Equatable, Sendable {
    /// The epoch's number, from 1.
    public var epoch: Int
    /// How many steps the run has taken at its end.
    public var steps: Int
    /// The mean loss over the epoch's examples, each as it was when its step was taken; without steps that were
    /// skipped.
    public var trainLoss: Double
    /// The mean loss over the test images, without label smoothing.
    public var testLoss: Double
    /// The share of the test images whose class is found.
    public var testAccuracy: Double
    /// The learning rate of the epoch's last step.
    public var learningRate: Double
    /// How long the epoch's steps took, waiting for data included, evaluation and checkpoints not.
    public var seconds: Double
    /// How many examples a second of training took.
    public var examplesPerSecond: Double
    /// ``seconds`` of all epochs so far.
    public var trainingSeconds: Double
    /// How long the run has lasted in all: with evaluation and checkpoints, without the time between a stop and
    /// resuming.
    public var totalSeconds: Double
    /// How many of the epoch's steps changed nothing because something was not finite.
    public var skippedSteps: Int
}
