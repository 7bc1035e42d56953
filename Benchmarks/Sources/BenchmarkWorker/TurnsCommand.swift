import ArgumentParser
import Torch

/// `BenchmarkWorker turns`: several contenders in one process, an interval of steps each in turn.
///
/// What the machine does to one it does to the others within seconds, so that differences of a few per cent show.
struct TurnsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "turns", abstract: "Times intervals of steps of several contenders in turns, in one process.")

    @Option(
        parsing: .upToNextOption,
        help: "Whose steps, two or more: \(Contender.allCases.map(\.rawValue).joined(separator: ", ")).")
    var contenders: [Contender]
    @Option(help: "Turns that each has.")
    var turns = 5
    @OptionGroup var network: TimedNetwork
    @OptionGroup var given: GivenInputs

    func validate() throws {
        try checkNumbers([("turns", turns, 1), ("contenders", contenders.count, 2)])
        guard Set(contenders).count == contenders.count else {
            throw ValidationError("--contenders names one twice")
        }
    }

    func run() throws {
        try TorchRuntime.setThreadCount(network.threads)
        let batch = try given.makeBatch(for: network.model)
        var trainees = try contenders.map { try given.makeTrainee($0, network) }
        var warmUp = TimedSteps()
        for place in trainees.indices {
            try trainees[place].take(given.warmUp, on: batch, areWarmUp: true, into: &warmUp)
        }
        var found: [String: [TurnsReport.Turn]] = [:]
        for turn in 0..<turns {
            // Every other time backwards: nobody always follows the same one.
            for place in turn.isMultiple(of: 2) ? Array(trainees.indices) : trainees.indices.reversed() {
                var run = TimedSteps()
                try trainees[place].take(network.interval, on: batch, into: &run)
                found[contenders[place].rawValue, default: []].append(.init(run))
            }
        }
        try trainees.forEach { try $0.check() }
        try TurnsReport(turns: found).print()
    }
}

/// What `turns` found out.
struct TurnsReport: Encodable {
    /// An interval of steps.
    struct Turn: Encodable {
        let milliseconds: [Double]
        let curvature: [Bool]

        init(_ run: TimedSteps) { (milliseconds, curvature) = (run.milliseconds, run.isCurvatureStep) }
    }

    /// By contender.
    let turns: [String: [Turn]]
}
