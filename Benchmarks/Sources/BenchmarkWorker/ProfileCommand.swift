import ArgumentParser
import FOP
import Torch

/// `BenchmarkWorker profile`: where the time of a step goes, by operator.
struct ProfileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile", abstract: "Times the operators that the steps of one contender call.")

    @OptionGroup var work: TimedWork
    @OptionGroup var timed: TimedNetwork
    @Option(help: "Examples in a batch of random pictures.")
    var batch = 512

    func validate() throws { try checkNumbers([("batch", batch, 1)]) }

    func run() throws {
        try TorchRuntime.setThreadCount(timed.threads)
        let model = timed.model
        let network = model.make(width: timed.width, depth: timed.depth)
        if model.prefersChannelsLast { network.to(memoryFormat: .channelsLast) }
        let shape = model.inputShape
        var images = Tensor.normal([batch] + shape, generator: Generator(seed: 1))
        if model.prefersChannelsLast { images = images.contiguous(.channelsLast) }
        let labels = Tensor((0..<batch).map { $0 % 10 })
        let optimizer = try work.contender.makeOptimizer(
            for: network, interval: timed.interval, learningRate: 1e-3)
        OperatorClock.install()
        func step(_ time: (OperatorClock.Phase, () throws -> Void) throws -> Void) throws {
            var loss: Tensor?
            try time(.forward) { loss = crossEntropy(network(images), labels) }
            try time(.backward) { try optimizer.backward(loss!) }
            try time(.update) { try optimizer.step() }
        }
        // A whole interval first: the steps that are looked at have as many curvature steps as ordinary ones should.
        for _ in 0..<timed.interval { try step { try $1() } }
        for _ in 0..<work.steps { try step { try OperatorClock.time($0, $1) } }
        try ProfileReport(steps: work.steps).print()
    }
}

/// What `profile` found out, per step.
struct ProfileReport: Encodable {
    struct Phase: Encodable {
        let phase: String
        let milliseconds: Double
        let operators: [Operator]
    }

    struct Operator: Encodable {
        let name: String
        let milliseconds: Double
        let calls: Double
    }

    let phases: [Phase]

    init(steps: Int) {
        phases = OperatorClock.Phase.allCases.map { phase in
            let (wall, operators) = OperatorClock.read(phase)
            let sorted = operators.sorted { $0.value.milliseconds > $1.value.milliseconds }
            return Phase(
                phase: phase.rawValue, milliseconds: wall / Double(steps),
                operators: sorted.map {
                    Operator(
                        name: $0.key, milliseconds: $0.value.milliseconds / Double(steps),
                        calls: Double($0.value.calls) / Double(steps))
                })
        }
    }
}
