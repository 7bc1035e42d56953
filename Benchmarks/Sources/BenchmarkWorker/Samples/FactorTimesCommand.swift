import ArgumentParser
import Datasets
import FOPCore
import Torch

/// `BenchmarkWorker factor-times`: what it takes to form the factors of all layers.
struct FactorTimesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "factor-times", abstract: "Times the factors of all layers, from samples of a batch.")

    @OptionGroup var work: SampleWork
    @Option(help: "Times that are reported, for each sample in turns.")
    var repetitions = 7

    func validate() throws { try checkNumbers([("repetitions", repetitions, 1)]) }

    func run() throws {
        try TorchRuntime.setThreadCount(work.threads)
        let network = work.makeNetwork()
        let layers = MeasuredLayer.all(of: network)
        let capture = RecordCapture(layers)
        let batch = try work.makeBatches().nextWhole()
        let cells = try work.batches.map { size in
            let loss = crossEntropy(network(batch.images.examples(0..<size)), batch.labels.examples(0..<size))
            let records = try capture.take(loss)
            return FactorTimesReport.Cell(
                batch: size, milliseconds: try withoutGradients { try time(layers, records) })
        }
        withExtendedLifetime(capture) {}
        try FactorTimesReport(cells: cells).print()
    }

    private func time(_ layers: [MeasuredLayer], _ records: [LayerRecord]) throws -> [String: [Double]] {
        let engines = try work.factorSamples(ofBatch: records[0].examples).map { sample in
            var configuration = CurvatureConfiguration()
            configuration.factorExamples = sample.setting
            // The records are taken as they are: to scale them to the examples' own losses would be work of its own.
            configuration.lossReduction = .sum
            let blocks = try layers.map { sample.applied(to: try $0.makeBlock(configuration)) }
            return (sample.name, FisherPreconditioner(blocks: blocks, configuration: configuration))
        }
        var results: [String: [Double]] = [:]
        for repetition in 0...repetitions {
            for (name, engine) in engines {
                engine.beginMicroBatch()
                // Statistics alone, no gradients.
                engine.beginPass(.curvature(countsExamples: true))
                let start = ContinuousClock.now
                for (index, record) in records.enumerated() { engine.record(record, block: index) }
                let elapsed = start.duration(to: .now).milliseconds
                engine.discard()
                // The first is a warm-up.
                if repetition > 0 { results[name, default: []].append(elapsed) }
            }
        }
        return results
    }
}
