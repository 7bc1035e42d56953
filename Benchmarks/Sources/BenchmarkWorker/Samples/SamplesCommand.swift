import ArgumentParser
import Datasets
import FOP
import FOPCore
import Torch

/// `BenchmarkWorker samples`: what factors from a sample of the batch do to the step.
struct SamplesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "samples",
        abstract: "Compares factors and steps from samples of a batch with those from all of its examples.")

    @OptionGroup var work: SampleWork
    @Option(help: "FOP's steps after which everything is looked at again; 0 for none.")
    var trainingSteps = 50
    @Option(help: "Examples of each of them.")
    var trainingBatch = 512

    func validate() throws {
        try checkNumbers([("training-steps", trainingSteps, 0), ("training-batch", trainingBatch, 1)])
    }

    func run() throws {
        try TorchRuntime.setThreadCount(work.threads)
        let network = work.makeNetwork()
        let batches = try work.makeBatches()
        let (measured, another) = (try batches.nextWhole(), try batches.nextWhole())
        var cells = try compare(network, measured, another, steps: 0)
        if trainingSteps > 0 {
            try train(network, on: batches)
            cells += try compare(network, measured, another, steps: trainingSteps)
        }
        try SamplesReport(seed: work.seed, cells: cells).print()
    }

    /// Takes steps with the default settings, on examples that are in neither of the batches compared.
    private func train(_ network: any Layer, on batches: BatchIterator) throws {
        let optimizer = try FOP(network, learningRate: 0.1)
        var slices: [Range<Int>] = []
        var batch: Batch?
        for _ in 0..<trainingSteps {
            if slices.isEmpty {
                batch = try batches.nextWhole()
                slices = stride(from: 0, through: SampleWork.largestBatch - trainingBatch, by: trainingBatch).map {
                    $0..<$0 + trainingBatch
                }
            }
            guard let batch, let slice = slices.popLast() else { continue }
            try optimizer.backward(crossEntropy(network(batch.images.examples(slice)), batch.labels.examples(slice)))
            try optimizer.step()
        }
    }

    private func compare(
        _ network: any Layer, _ measured: Batch, _ another: Batch, steps: Int
    ) throws -> [SamplesReport.Cell] {
        let layers = MeasuredLayer.all(of: network)
        let capture = RecordCapture(layers)
        return try work.batches.map { size in
            func records(_ batch: Batch) throws -> (loss: Double, [LayerRecord], gradients: [Tensor]) {
                let loss = crossEntropy(network(batch.images.examples(0..<size)), batch.labels.examples(0..<size))
                let records = try capture.take(loss)
                let blocks = try layers.map { try $0.makeBlock(CurvatureConfiguration()) }
                return (loss.item(as: Double.self), records, zip(blocks, records).map { $0.gradient($1) })
            }
            return try withExtendedLifetime(capture) {
                // The noise that a batch has anyway: the factors of all examples of another one.
                let yardstick = try SampledStep(layers, .all)
                let (_, others, otherGradients) = try records(another)
                _ = try withoutGradients { try yardstick.take(others, gradients: otherGradients) }
                let (loss, own, gradients) = try records(measured)
                return try withoutGradients {
                    let expected = try SampledStep(layers, .all).take(own, gradients: gradients)
                    var samples = try work.factorSamples(ofBatch: size).map { sample in
                        try SampledStep(layers, sample).take(own, gradients: gradients)
                            .compared(with: expected, layers: layers, sample: sample.name)
                    }
                    let other = try yardstick.take(own, gradients: gradients)
                    samples.append(other.compared(with: expected, layers: layers, sample: "another"))
                    return SamplesReport.Cell(trainingSteps: steps, batch: size, loss: loss, samples: samples)
                }
            }
        }
    }
}
