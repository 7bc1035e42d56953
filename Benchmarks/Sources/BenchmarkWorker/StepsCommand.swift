import ArgumentParser
import Torch

/// `BenchmarkWorker steps`: sets up, warms up, times a number of steps.
struct StepsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steps", abstract: "Times training steps of one contender on one batch.")

    @OptionGroup var work: TimedWork
    @OptionGroup var network: TimedNetwork
    @OptionGroup var given: GivenInputs

    func run() throws {
        try TorchRuntime.setThreadCount(network.threads)
        var trainee = try given.makeTrainee(work.contender, network)
        let batch = try given.makeBatch(for: network.model)
        let startMemory = ProcessMemory.resident
        var run = TimedSteps()
        try trainee.take(given.warmUp, on: batch, areWarmUp: true, into: &run)
        try trainee.take(work.steps, on: batch, into: &run)
        try trainee.check()
        try StepsReport(run, startMemory: startMemory).print()
    }
}
