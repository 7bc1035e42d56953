/// Which examples make up each batch of each epoch: a pure function of the settings, so that a resumed run goes on as
/// it would have.
public struct BatchSampler: Equatable, Sendable {
    /// What happens to the examples that do not fill a last batch.
    public enum Remainder: Sendable {
        /// They make a smaller batch.
        case keep
        /// They make a smaller batch if there are at least two: one example has neither two halves nor a batch's
        /// variance.
        case keepUnlessSingle
        /// They are left out; in a shuffled order that meets others each epoch.
        case drop
    }

    /// The number of examples.
    public let count: Int
    /// How many of them make a batch.
    public let batchSize: Int
    /// What the order is drawn from; nil keeps the examples in their order.
    public let seed: UInt64?
    /// What happens to the last, incomplete batch.
    public let remainder: Remainder

    /// - Parameters:
    ///   - batchSize: 1 to `count`.
    ///   - seed: shuffles each epoch anew; nil keeps the examples in their order.
    ///   - remainder: the last, incomplete batch (default: kept unless it is a single example).
    /// - Throws: ``DatasetError/invalidValue(name:value:legal:)`` naming a batch size outside its range.
    public init(count: Int, batchSize: Int, seed: UInt64?, remainder: Remainder = .keepUnlessSingle) throws {
        guard count > 0 else {
            throw DatasetError.invalidValue(name: "number of examples", value: "\(count)", legal: "1 or more")
        }
        guard (1...count).contains(batchSize) else {
            throw DatasetError.invalidValue(
                name: "batch size", value: "\(batchSize)", legal: "1 to \(count), the number of examples")
        }
        self.count = count
        self.batchSize = batchSize
        self.seed = seed
        self.remainder = remainder
    }

    /// The number of batches of an epoch.
    public var batchCount: Int {
        let (full, left) = count.quotientAndRemainder(dividingBy: batchSize)
        return switch remainder {
        case .keep: left > 0 ? full + 1 : full
        case .keepUnlessSingle: left > 1 ? full + 1 : full
        case .drop: full
        }
    }

    /// The number of examples that an epoch's batches hold together.
    public var examplesPerEpoch: Int { min(batchCount * batchSize, count) }

    /// All examples in the order of an epoch: a Fisher-Yates shuffle by ``SplitMix64``.
    public func order(epoch: Int) -> [Int] {
        var order = Array(0..<count)
        guard let seed else { return order }
        var random = SplitMix64(
            seed: seed, path: [RandomPurpose.permutation.rawValue, UInt64(truncatingIfNeeded: epoch)])
        for last in stride(from: count - 1, to: 0, by: -1) {
            order.swapAt(last, random.next(below: last + 1))
        }
        return order
    }

    /// Where the examples of a batch are in the epoch's order.
    /// - Precondition: `batch` is from 0 up to ``batchCount``.
    public func range(ofBatch batch: Int) -> Range<Int> {
        precondition((0..<batchCount).contains(batch), "batch \(batch) of \(batchCount)")
        return batch * batchSize..<min((batch + 1) * batchSize, count)
    }
}
