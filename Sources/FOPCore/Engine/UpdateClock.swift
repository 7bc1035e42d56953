/// How far the intervals of factors and inverses have gone.
struct UpdateClock: Equatable {
    /// Steps taken, the skipped ones not counted.
    var steps = 0
    /// Steps since all factors had been updated, that one included; nil before the first time.
    var sinceFactors: Int?
    /// The same for the inverses.
    var sinceInverses: Int?
    /// The size of the largest batch so far, which automatic intervals and damping go by: an epoch's last batch may be a
    /// small one, and is no reason for others.
    var largestBatchSize = 0

    /// Whether an interval is over.
    func isDue(_ since: Int?, _ interval: Interval) -> Bool {
        guard let since else { return true }
        return since >= interval.steps(batchSize: largestBatchSize, step: steps)
    }

    /// Whether an interval had its full length already when it began.
    func isSettled(_ since: Int, _ interval: Interval) -> Bool {
        interval.isSettled(batchSize: largestBatchSize, step: steps - since)
    }

    /// Counts a step.
    mutating func advance(updatedFactors: Bool, updatedInverses: Bool, batchSize: Int?) {
        steps += 1
        sinceFactors = updatedFactors ? 1 : sinceFactors.map { $0 + 1 }
        sinceInverses = updatedInverses ? 1 : sinceInverses.map { $0 + 1 }
        largestBatchSize = max(largestBatchSize, batchSize ?? 0)
    }
}
