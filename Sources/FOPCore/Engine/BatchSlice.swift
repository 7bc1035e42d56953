/// Consecutive examples of a batch that goes through the model in slices, because all of its activations would not fit
/// into the cache or the memory.
public struct BatchSlice: Equatable, Sendable {
    /// The slice's examples, counted within the batch.
    public let range: Range<Int>
    /// How many examples the batch has.
    public let batchSize: Int

    /// - Parameter range: not empty, within `0..<batchSize`. The slices of a batch come in order, the first from 0.
    public init(_ range: Range<Int>, of batchSize: Int) {
        Swift.precondition(
            !range.isEmpty && range.lowerBound >= 0 && range.upperBound <= batchSize,
            "examples \(range) of a batch of \(batchSize): use a range that is not empty and within the batch")
        self.range = range
        self.batchSize = batchSize
    }

    /// A batch in slices of at most `size` examples.
    public static func slices(of batchSize: Int, size: Int) -> [BatchSlice] {
        stride(from: 0, to: batchSize, by: size).map { BatchSlice($0..<min($0 + size, batchSize), of: batchSize) }
    }

    /// The parts of a record of the slice that belong to the batch's sub-batches.
    /// - Parameters:
    ///   - count: how many sub-batches the batch has.
    ///   - examples: of the record: a multiple of the slice's where a layer takes several rows per example.
    func parts(count: Int, examples: Int) -> [SubBatchPart] {
        subBatchRanges(batchSize, parts: min(count, batchSize)).enumerated().compactMap { index, subBatch in
            let own = subBatch.clamped(to: range)
            guard !own.isEmpty else { return nil }
            func row(_ example: Int) -> Int { (example - range.lowerBound) * examples / range.count }
            return SubBatchPart(index: index, range: row(own.lowerBound)..<row(own.upperBound))
        }
    }
}
