import Torch

/// Turns a set into the batches of an epoch, and prepares the next ones while the caller computes.
///
/// ```swift
/// let loader = try DataLoader(training: train, batchSize: 2048, seed: 1)
/// let batches = try loader.batches(epoch: 0)
/// while let batch = try batches.next() {
///     step(batch.images, batch.labels)
/// }
/// ```
public struct DataLoader: Sendable {
    /// The set.
    public let dataset: ImageDataset
    /// Which examples make up each batch.
    public let sampler: BatchSampler
    /// How images are varied.
    public let augmentation: Augmentation
    /// Whether images lie in memory as N x H x W x C (their shape is N x C x H x W either way).
    public let channelsLast: Bool
    /// How many batches are prepared ahead; 0 makes each when it is asked for. Content and order are the same.
    public let prefetch: Int

    private let gatherer: BatchGatherer

    /// - Parameters:
    ///   - sampler: for as many examples as the set has.
    ///   - augmentation: default none.
    ///   - channelsLast: default false.
    ///   - prefetch: 0 to 64 (default 2).
    /// - Throws: ``DatasetError/invalidValue(name:value:legal:)`` for a setting outside its range.
    public init(
        _ dataset: ImageDataset, sampler: BatchSampler, augmentation: Augmentation = .none, channelsLast: Bool = false,
        prefetch: Int = 2
    ) throws {
        let largestPadding = min(dataset.height, dataset.width)
        guard (0...largestPadding).contains(augmentation.cropPadding) else {
            throw DatasetError.invalidValue(
                name: "crop padding", value: "\(augmentation.cropPadding)",
                legal: "0 to \(largestPadding), the smaller side of the images")
        }
        guard (0...64).contains(prefetch) else {
            throw DatasetError.invalidValue(name: "prefetch", value: "\(prefetch)", legal: "0 to 64")
        }
        guard sampler.count == dataset.count else {
            throw DatasetError.invalidValue(
                name: "sampler", value: "for \(sampler.count) examples",
                legal: "one for \(dataset.count), as \(dataset.name) has")
        }
        // Sets the operators' gate, which must not change once another thread uses it.
        TorchRuntime.start()
        self.dataset = dataset
        self.sampler = sampler
        self.augmentation = augmentation
        self.channelsLast = channelsLast
        self.prefetch = prefetch
        gatherer = BatchGatherer(dataset: dataset, augmentation: augmentation, channelsLast: channelsLast)
    }

    /// Shuffled batches for training; a last batch of fewer examples is kept unless it is a single one.
    /// - Parameters:
    ///   - batchSize: 1 to the number of examples.
    ///   - seed: what the order is drawn from.
    ///   - augmentation: default none; it has a seed of its own.
    ///   - channelsLast: default false.
    /// - Throws: ``DatasetError/invalidValue(name:value:legal:)`` for a setting outside its range.
    public init(
        training dataset: ImageDataset, batchSize: Int, seed: UInt64, augmentation: Augmentation = .none,
        channelsLast: Bool = false
    ) throws {
        try self.init(
            dataset, sampler: BatchSampler(count: dataset.count, batchSize: batchSize, seed: seed),
            augmentation: augmentation, channelsLast: channelsLast)
    }

    /// Every example once, in order, only normalised. A batch size above the number of examples is taken as that
    /// number.
    /// - Throws: ``DatasetError/invalidValue(name:value:legal:)`` for a batch size below 1.
    public init(evaluating dataset: ImageDataset, batchSize: Int, channelsLast: Bool = false) throws {
        let sampler = try BatchSampler(
            count: dataset.count, batchSize: min(batchSize, dataset.count), seed: nil, remainder: .keep)
        try self.init(dataset, sampler: sampler, channelsLast: channelsLast)
    }

    /// The number of batches of an epoch.
    public var batchCount: Int { sampler.batchCount }

    /// The batches of an epoch, prepared from now on.
    /// - Parameters:
    ///   - epoch: decides order and variations.
    ///   - start: the first batch (default 0), where a stopped run resumes; ``batchCount`` gives none.
    /// - Throws: ``DatasetError/invalidValue(name:value:legal:)`` for a start outside 0 to ``batchCount``.
    public func batches(epoch: Int, startingAt start: Int = 0) throws -> BatchIterator {
        guard (0...batchCount).contains(start) else {
            throw DatasetError.invalidValue(
                name: "first batch", value: "\(start)", legal: "0 to \(batchCount), the batches of an epoch")
        }
        let (gatherer, sampler) = (gatherer, sampler)
        let order = sampler.order(epoch: epoch)
        return BatchIterator(start..<batchCount, prefetch: prefetch) { index in
            // Outside, running out of memory would stop the program.
            try TorchError.catching {
                gatherer.batch(of: order[sampler.range(ofBatch: index)], epoch: epoch, index: index)
            }
        }
    }
}
