import TorchCore

/// When the factors and the inverse of each block are updated: all at the same step, or each at a step of the interval of
/// its own.
///
/// An interval ends with the step at which everything has been updated once. In a staggered one a block is due from its
/// offset on (``levelOffsets(costs:steps:cycle:)``) until it has had its turn; at the end of the interval all are that
/// have not. So each has one turn per interval, whatever becomes of the offsets meanwhile: where the interval follows
/// the batch size or a function, or other blocks come. The first interval begins with an update of all, and intervals
/// that still grow, at the start of a run, are not staggered.
struct CurvatureSchedule {
    /// What is known of a block.
    struct Entry: Equatable {
        /// What its statistics cost when they were first taken; nil before.
        var statisticsCost: Double?
        /// Whether it has had its turn in the interval under way.
        var hasFactors = false, hasInverse = false

        init() {}

        // MARK: State

        static let shape = [3]

        /// The cost, -1 for none, and the turns, as 0 or 1.
        var tensor: Tensor { Tensor([statisticsCost ?? -1, hasFactors ? 1 : 0, hasInverse ? 1 : 0]) }

        /// - Parameter saved: of any floating-point type.
        init(_ saved: Tensor) {
            let numbers = saved.scalars(as: Double.self)
            statisticsCost = numbers[0] > 0 ? numbers[0] : nil
            (hasFactors, hasInverse) = (numbers[1] > 0, numbers[2] > 0)
        }
    }

    var clock = UpdateClock()
    /// By block.
    var entries: [Entry] = []
    private let isStaggered: Bool
    private let factorInterval, inverseInterval: Interval
    private var inversionCosts: [Double] = []

    init(_ configuration: CurvatureConfiguration) {
        isStaggered = configuration.staggersCurvature
        (factorInterval, inverseInterval) = (configuration.factorInterval, configuration.inverseInterval)
    }

    /// Goes on with other blocks; those that stay keep what is known of them.
    mutating func follow(_ blocks: [any FisherBlock], insteadOf old: [any FisherBlock]) {
        let known = Dictionary(zip(old.map { ObjectIdentifier($0) }, entries)) { first, _ in first }
        entries = blocks.map { known[ObjectIdentifier($0)] ?? Entry() }
        inversionCosts = blocks.map(\.inversionCost)
    }

    /// Whether the factors of each block are due at the step that comes.
    var factorsDue: [Bool] { due(clock.sinceFactors, factorInterval, \.hasFactors) }

    /// The same for the inverses.
    var inversesDue: [Bool] { due(clock.sinceInverses, inverseInterval, \.hasInverse) }

    private func due(_ since: Int?, _ interval: Interval, _ hasHadTurn: KeyPath<Entry, Bool>) -> [Bool] {
        guard let since, !clock.isDue(since, interval) else { return entries.map { !$0[keyPath: hasHadTurn] } }
        guard isStaggered, clock.isSettled(since, interval) else { return entries.map { _ in false } }
        return zip(entries, offsets(within: steps(interval))).map { !$0[keyPath: hasHadTurn] && $1 <= since }
    }

    private func steps(_ interval: Interval) -> Int {
        interval.steps(batchSize: clock.largestBatchSize, step: clock.steps)
    }

    /// The turns in an interval of `steps`. Those of the shorter one of the two follow from the longer one's, so that a
    /// block's inverse is made at a step at which its factors are updated, where one is a multiple of the other.
    private func offsets(within steps: Int) -> [Int] {
        let lengths = [self.steps(factorInterval), self.steps(inverseInterval)].sorted()
        let costs = zip(entries, inversionCosts).map { ($0.statisticsCost ?? 0) + $1 }
        return levelOffsets(costs: costs, steps: lengths[1], cycle: lengths[0]).map { ($0 - 1) % steps + 1 }
    }

    /// Counts a step, at which what is due has its turn.
    /// - Parameters:
    ///   - hasStatistics: whether factors had theirs.
    ///   - statisticsCosts: by block, 0 for those without any; nil where nobody asks.
    mutating func advance(hasStatistics: Bool, statisticsCosts: [Double]?, batchSize: Int?) {
        let (factors, inverses) = (factorsDue, inversesDue)
        for index in entries.indices {
            if factors[index] && hasStatistics { entries[index].hasFactors = true }
            if inverses[index] { entries[index].hasInverse = true }
        }
        let endsFactors = ends(clock.sinceFactors, factorInterval, \.hasFactors)
        let endsInverses = ends(clock.sinceInverses, inverseInterval, \.hasInverse)
        for index in entries.indices {
            if endsFactors { entries[index].hasFactors = false }
            if endsInverses { entries[index].hasInverse = false }
            if let cost = statisticsCosts?[index], cost > 0, entries[index].statisticsCost == nil {
                // As a saved state has it.
                entries[index].statisticsCost = Double(Float(cost))
            }
        }
        clock.advance(updatedFactors: endsFactors, updatedInverses: endsInverses, batchSize: batchSize)
    }

    /// Whether the step is the last one of an interval.
    private func ends(_ since: Int?, _ interval: Interval, _ hasHadTurn: KeyPath<Entry, Bool>) -> Bool {
        clock.isDue(since, interval) && entries.allSatisfy { $0[keyPath: hasHadTurn] }
    }
}
