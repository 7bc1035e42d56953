import ArgumentParser
import Torch

/// `BenchmarkWorker calls`: what calling an operator costs, beside what it computes.
struct CallsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calls", abstract: "Times products of two 2 x 2 matrices while autograd records.")

    @Option(help: "Times that are reported, each the mean over --calls calls.")
    var repetitions = 20
    @Option(help: "Calls for each of them.")
    var calls = 10_000

    func validate() throws {
        guard repetitions >= 1, calls >= 1 else {
            throw ValidationError("--repetitions and --calls: use whole numbers of 1 or more")
        }
    }

    func run() throws {
        try TorchRuntime.setThreadCount(1)
        let left = Parameter(Tensor.ones([2, 2])).value
        let right = Tensor.ones([2, 2])
        var results: [Double] = []
        for repetition in 0...repetitions {
            let start = ContinuousClock.now
            for _ in 0..<calls { _ = left.mm(right) }
            let elapsed = start.duration(to: .now).milliseconds * 1e3 / Double(calls)
            // The first is a warm-up.
            if repetition > 0 { results.append(elapsed) }
        }
        guard left.mm(right).requiresGradient else {
            throw TorchError.invalidValue("autograd did not record: this would compare something else")
        }
        try CallsReport(microseconds: results).print()
    }
}
