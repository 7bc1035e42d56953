import ArgumentParser
import FOP
import Torch

/// The batch and the initial weights that all contenders are given, and how these are used.
struct GivenInputs: ParsableArguments {
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

    func makeBatch(for model: NetworkKind) throws -> TrainingBatch {
        try TrainingBatch(file: inputs, channelsLast: model.prefersChannelsLast, slice: slice)
    }

    /// A network with the initial weights, and the contender's optimizer of it.
    func makeTrainee(_ contender: Contender, _ timed: TimedNetwork) throws -> Trainee {
        let network = timed.model.make(width: timed.width, depth: timed.depth)
        if let weights { try network.load(SafetensorsFile.read(weights).tensors) }
        if timed.model.prefersChannelsLast { network.to(memoryFormat: .channelsLast) }
        return try Trainee(contender, network, interval: timed.interval, learningRate: learningRate)
    }
}
