import ArgumentParser
import FOP
import Torch

/// `BenchmarkWorker steps`: sets up, warms up, times a number of steps.
struct StepsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steps", abstract: "Times training steps of one contender on one batch.")

    @OptionGroup var work: TimedWork
    @Option(help: "A safetensors file with the batch: images and labels.")
    var inputs: String
    @Option(help: "A safetensors file with the initial weights; without one they are drawn from seed 0.")
    var weights: String?
    @Option(help: "Steps that are not timed, 1 or more: caches fill, buffers are made.")
    var warmUp = 2
    @Option(help: "Examples that pass through the network at a time; 0 for the whole batch.")
    var slice = 0
    @Option(help: "SGD's; its losses are compared.")
    var learningRate = 0.01

    func validate() throws { try checkNumbers([("warm-up", warmUp, 1), ("slice", slice, 0)]) }

    func run() throws {
        try TorchRuntime.setThreadCount(work.threads)
        let model = work.model
        let network = model.make(width: work.width, depth: work.depth)
        if let weights { try network.load(SafetensorsFile.read(weights).tensors) }
        if model.prefersChannelsLast { network.to(memoryFormat: .channelsLast) }
        let batch = try TrainingBatch(file: inputs, channelsLast: model.prefersChannelsLast, slice: slice)
        let optimizer = try work.contender.makeOptimizer(
            for: network, interval: work.interval, learningRate: learningRate)
        let startMemory = ProcessMemory.resident
        var run = TimedSteps()
        for index in 0..<(warmUp + work.steps) {
            let isCurvatureStep = work.contender.hasCurvatureSteps && index % work.interval == 0
            try run.time(isWarmUp: index < warmUp, isCurvatureStep: isCurvatureStep) {
                try batch.takeStep(network, optimizer)
            }
        }
        guard optimizer.skippedStepCount == 0 else {
            throw TorchError.invalidValue(
                "\(optimizer.skippedStepCount) steps were skipped as not finite: the times mean nothing")
        }
        try StepsReport(run, startMemory: startMemory).print()
    }
}
