import ArgumentParser
import FOP
import Torch

/// `BenchmarkWorker steps`: sets up, warms up, times a number of steps.
struct StepsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steps", abstract: "Times training steps of one contender on one batch.")

    @Option(help: "What is timed: \(Contender.allCases.map(\.rawValue).joined(separator: ", ")).")
    var contender: Contender
    @Option(help: "On what: \(NetworkKind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var model: NetworkKind
    @Option(help: "A safetensors file with the batch: images and labels.")
    var inputs: String
    @Option(help: "A safetensors file with the initial weights; without one they are drawn from seed 0.")
    var weights: String?
    @Option(help: "Steps that are not timed, 1 or more: caches fill, buffers are made.")
    var warmUp = 2
    @Option(help: "Steps that are timed: a whole number of intervals.")
    var steps = 10
    @Option(help: "Steps from one update of curvature and inverses to the next.")
    var interval = 10
    @Option(help: "Examples that pass through the network at a time; 0 for the whole batch.")
    var slice = 0
    @Option(help: "SGD's; its losses are compared.")
    var learningRate = 0.01
    @Option(help: "Threads of the operators.")
    var threads = 2
    @Option(help: "Channels of the model 'tower'.")
    var width = 32
    @Option(help: "Convolutions of the model 'tower' after the first.")
    var depth = 4

    func validate() throws {
        for (name, value, least) in [
            ("warm-up", warmUp, 1), ("steps", steps, 1), ("interval", interval, 1), ("slice", slice, 0),
            ("threads", threads, 1), ("width", width, 1), ("depth", depth, 1),
        ] where value < least {
            throw ValidationError("--\(name) is \(value): use a whole number of \(least) or more")
        }
    }

    func run() throws {
        try TorchRuntime.setThreadCount(threads)
        let network = model.make(width: width, depth: depth)
        if let weights { try network.load(SafetensorsFile.read(weights).tensors) }
        if model.prefersChannelsLast { network.to(memoryFormat: .channelsLast) }
        let batch = try TrainingBatch(file: inputs, channelsLast: model.prefersChannelsLast, slice: slice)
        let optimizer = try contender.makeOptimizer(
            for: network, interval: interval, learningRate: learningRate)
        let startMemory = ProcessMemory.resident
        var run = TimedSteps()
        for index in 0..<(warmUp + steps) {
            let isCurvatureStep = contender.usesCurvature && index % interval == 0
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
