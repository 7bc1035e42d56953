/// How far a run is: with the settings and the tensors, all that it goes on from.
public struct TrainingProgress: Codable, Equatable, Sendable {
    /// How many epochs are complete, evaluation included; also the number, from 0, of the one in hand.
    public var epoch = 0
    /// How many of that epoch's steps are done.
    public var step = 0
    /// The sum of their examples' losses.
    public var lossSum = 0.0
    /// How many examples that sum is over.
    public var lossCount = 0
    /// How many of them were skipped.
    public var skippedSteps = 0
    /// How long they took.
    public var seconds = 0.0
    /// How long the run has lasted in all.
    public var totalSeconds = 0.0
    /// The epochs that are complete.
    public var history: [EpochRecord] = []

    /// A run that begins.
    public init() {}

    /// The mean loss of the epoch in hand; nil before its first step.
    public var loss: Double? { lossCount > 0 ? lossSum / Double(lossCount) : nil }

    /// How long all steps took.
    public var trainingSeconds: Double { history.reduce(seconds) { $0 + $1.seconds } }

    /// How many steps were skipped in all.
    public var skippedInAll: Int { history.reduce(skippedSteps) { $0 + $1.skippedSteps } }

    /// The first of the epochs with the highest test accuracy.
    public var best: EpochRecord? {
        history.reduce(nil) { best, record in
            best.map { record.testAccuracy > $0.testAccuracy } ?? true ? record : best
        }
    }

    /// The first epoch whose test accuracy is at least `target`.
    public func reached(_ target: Double?) -> EpochRecord? {
        target.flatMap { target in history.first { $0.testAccuracy >= target } }
    }

    /// Adds a step.
    /// - Parameter loss: nil if it was skipped.
    mutating func add(loss: Double?, examples: Int) {
        step += 1
        if let loss {
            lossSum += loss * Double(examples)
            lossCount += examples
        } else {
            skippedSteps += 1
        }
    }

    /// Ends the epoch in hand with what evaluation found.
    mutating func finishEpoch(
        _ evaluation: Evaluation, learningRate: Double, steps: Int, examples: Int, totalSeconds: Double
    ) -> EpochRecord {
        let record = EpochRecord(
            epoch: epoch + 1, steps: (epoch + 1) * steps, trainLoss: loss ?? .nan, testLoss: evaluation.loss,
            testAccuracy: evaluation.accuracy, learningRate: learningRate, seconds: seconds,
            examplesPerSecond: seconds > 0 ? Double(examples) / seconds : 0, trainingSeconds: trainingSeconds,
            totalSeconds: totalSeconds, skippedSteps: skippedSteps)
        var next = TrainingProgress()
        next.epoch = epoch + 1
        next.totalSeconds = totalSeconds
        next.history = history + [record]
        self = next
        return record
    }
}
