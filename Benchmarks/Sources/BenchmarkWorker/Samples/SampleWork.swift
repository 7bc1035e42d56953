import ArgumentParser
import Datasets
import Torch

/// What is looked at: the options that `samples` and `factor-times` have in common.
struct SampleWork: ParsableArguments {
    @Option(help: "On what: resnet or vit.")
    var model: NetworkKind
    @Option(help: "A folder with Fashion-MNIST's files; by default where `fop train` looks.")
    var data: String?
    @Option(parsing: .upToNextOption, help: "Sizes of batches.")
    var batches: [Int] = [2048, 8192]
    @Option(
        parsing: .upToNextOption,
        help: "What factors are formed from: all, numbers of examples, rows:N for the automatic rule with N rows.")
    var samples = ["all", "512", "rows:16"]
    @Option(help: "What weights and batches are drawn from.")
    var seed = 1
    @Option(help: "Threads of the operators.")
    var threads = 2

    /// Examples that are drawn for one batch; smaller batches are the first of them.
    static let largestBatch = 8192

    func validate() throws {
        try checkNumbers([("threads", threads, 1), ("seed", seed, 0)] + batches.map { ("batches", $0, 2) })
        guard model == .resnet || model == .vit else {
            throw ValidationError("--model \(model.rawValue) is not for Fashion-MNIST: use resnet or vit")
        }
        for batch in batches where batch > Self.largestBatch {
            throw ValidationError("--batches has \(batch): use \(Self.largestBatch) at most")
        }
        for text in samples where FactorSample(text) == nil {
            throw ValidationError("--samples has '\(text)': use all, a number of 1 or more, or rows:N")
        }
    }

    /// The samples that there are of a batch: without those that need more examples than it has.
    func factorSamples(ofBatch size: Int) -> [FactorSample] {
        samples.compactMap { FactorSample($0) }.filter { sample in
            if case .examples(let count) = sample { count < size } else { true }
        }
    }

    /// The network with weights drawn from the seed.
    func makeNetwork() -> any Layer {
        let network = model.make(seed: UInt64(seed))
        if model.prefersChannelsLast { network.to(memoryFormat: .channelsLast) }
        return network
    }

    /// Examples in an order drawn from the seed, without any of them twice, in large batches.
    func makeBatches() throws -> BatchIterator {
        try DataLoader(
            training: FashionMNIST.load(directory: data).train, batchSize: Self.largestBatch, seed: UInt64(seed),
            channelsLast: model.prefersChannelsLast
        ).batches(epoch: 0)
    }
}

extension BatchIterator {
    /// The next batch, of as many examples as were asked for.
    func nextWhole() throws -> Batch {
        guard let batch = try next(), batch.count == SampleWork.largestBatch else {
            throw TorchError.invalidValue("the data has too few examples")
        }
        return batch
    }
}
