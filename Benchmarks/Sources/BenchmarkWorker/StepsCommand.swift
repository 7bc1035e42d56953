import ArgumentParser
import Torch

#if canImport(Glibc)
    import Glibc
#endif

/// `BenchmarkWorker steps`: sets up, warms up, times a number of steps.
struct StepsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "steps", abstract: "Times training steps of one contender on one batch.")

    @OptionGroup var work: TimedWork
    @OptionGroup var network: TimedNetwork
    @OptionGroup var given: GivenInputs
    @Option(
        help: "Steps to take at a time, after each of which it says 'ready' and waits for a line; 0 to take all.")
    var pace = 0

    func validate() throws { try checkNumbers([("pace", pace, 0)]) }

    func run() throws {
        try TorchRuntime.setThreadCount(network.threads)
        var trainee = try given.makeTrainee(work.contender, network)
        let batch = try given.makeBatch(for: network.model)
        let startMemory = ProcessMemory.resident
        var run = TimedSteps()
        try trainee.take(given.warmUp, on: batch, areWarmUp: true, into: &run)
        let atOnce = pace > 0 ? pace : work.steps
        for first in stride(from: 0, to: work.steps, by: atOnce) {
            if pace > 0 { try waitForTurn() }
            try trainee.take(min(atOnce, work.steps - first), on: batch, into: &run)
        }
        try trainee.check()
        try StepsReport(run, startMemory: startMemory).print()
    }

    /// Two processes that wait for each other see the same of the machine.
    private func waitForTurn() throws {
        print("ready")
        fflush(nil)
        guard readLine() != nil else { throw ValidationError("nobody said when to go on") }
    }
}
