import DenseComparison
import FOPCore
import TestSupport
import Torch
import XCTest

/// Several processes, each with a part of the batch, against one with all of it: the even ranks' micro-batches first.
final class DistributedStepTests: SmallTensorTestCase {
    private static let layers = [
        LayerCase.linear[0], LayerCase.convolutions[2], LayerCase.convolutions[7], LayerCase.normalizations[0],
        LayerCase.normalizations[6],
    ]

    /// What one process ends up with.
    private struct Outcome: @unchecked Sendable {
        var directions: [[[Tensor]?]] = []
        var finite: [Bool] = []
        var state: [String: Tensor] = [:]
        var calls = 0
        var elements = 0
    }

    private static let names = layers.indices.map { "layer\($0)" }

    private static func engine(
        _ configuration: CurvatureConfiguration, _ reduction: any ProcessReduction = SingleProcess()
    ) -> FisherPreconditioner {
        FisherPreconditioner(
            blocks: layers.map { $0.block(configuration.weightSharing) }, configuration: configuration,
            reduction: reduction)
    }

    private static func record(
        _ engine: FisherPreconditioner, _ count: Int, step: Int, rank: Int, total: Int, dtype: DType,
        without missing: Int? = nil, spoiled: Bool = false
    ) {
        engine.beginMicroBatch()
        for (index, layer) in layers.enumerated() where index != missing {
            var record = layer.draw(
                count, seed: UInt64(1000 * step + 10 * rank + index), dtype: dtype, total: total).record
            if spoiled, index == 1 { record.outputGradient = record.outputGradient * Double.nan }
            engine.record(record, block: index)
        }
    }

    private static func takeStep(_ engine: FisherPreconditioner, _ outcome: inout Outcome) {
        let (directions, isFinite) = engine.directions(learningRate: 0.3)
        outcome.directions.append(directions)
        outcome.finite.append(isFinite.item(as: Bool.self))
        outcome.state = engine.state(names: names)
    }

    /// - Parameter spoiled: the step and the rank of gradients that are not numbers.
    private func distributed(
        _ processes: Int, _ configuration: CurvatureConfiguration, dtype: DType, steps: Int = 3,
        spoiled: (step: Int, rank: Int)? = nil, without missing: (layer: Int, rank: Int)? = nil
    ) -> [Outcome] {
        SimulatedProcesses(processes).run { group in
            let engine = Self.engine(configuration, EvenOddReduction(group))
            var outcome = Outcome()
            for step in 0..<steps {
                Self.record(
                    engine, 4, step: step, rank: group.rank, total: 4, dtype: dtype,
                    without: missing?.rank == group.rank ? missing?.layer : nil,
                    spoiled: spoiled.map { $0 == (step, group.rank) } ?? false)
                Self.takeStep(engine, &outcome)
            }
            outcome.calls = group.calls
            outcome.elements = group.elements
            return outcome
        }
    }

    private func single(
        _ processes: Int, _ configuration: CurvatureConfiguration, dtype: DType, steps: [Int] = [0, 1, 2]
    ) -> Outcome {
        let engine = Self.engine(configuration)
        var outcome = Outcome()
        let ranks = stride(from: 0, to: processes, by: 2).map { $0 } + stride(from: 1, to: processes, by: 2)
        for step in steps {
            for rank in ranks {
                Self.record(engine, 4, step: step, rank: rank, total: 4 * processes, dtype: dtype)
            }
            Self.takeStep(engine, &outcome)
        }
        return outcome
    }

    private func check(
        _ outcomes: [Outcome], against expected: Outcome, below bound: Double, _ title: String,
        line: UInt = #line
    ) {
        for (rank, outcome) in outcomes.enumerated() {
            for (step, (directions, reference)) in zip(outcome.directions, expected.directions).enumerated() {
                for (layer, (own, other)) in zip(directions, reference).enumerated() {
                    for (tensor, wanted) in zip(own ?? [], other ?? []) {
                        assertRelativeDifference(
                            tensor, wanted, below: bound, "\(title), rank \(rank), step \(step), layer \(layer)",
                            line: line)
                    }
                }
            }
            assertIdentical(outcome.state, outcomes[0].state, "\(title): state of rank \(rank)", line: line)
            for (own, first) in zip(outcome.directions.joined(), outcomes[0].directions.joined()) {
                XCTAssertEqual(own == nil, first == nil, title, line: line)
                assertIdentical(own ?? [], first ?? [], "\(title): directions of rank \(rank)", line: line)
            }
        }
    }

    private func configuration(_ change: (inout CurvatureConfiguration) -> Void = { _ in }) -> CurvatureConfiguration {
        var configuration = CurvatureConfiguration()
        configuration.damping = 0.1
        configuration.factorInterval = .every(1)
        configuration.inverseInterval = .every(1)
        change(&configuration)
        return configuration
    }

    func testAsOneProcess() {
        for processes in 2...5 {
            for dtype in [DType.float32, .float64] {
                let outcomes = distributed(processes, configuration(), dtype: dtype)
                XCTAssertTrue(outcomes.allSatisfy { $0.finite == [true, true, true] })
                check(
                    outcomes, against: single(processes, configuration(), dtype: dtype),
                    below: dtype == .float64 ? 1e-9 : 1e-3, "\(processes) processes, \(dtype)")
            }
        }
    }

    func testOptionsAndIntervals() {
        for change in [
            { $0.beta = .zero }, { $0.beta = .fixed(0.4) }, { $0.eta = .sum }, { $0.metric = .damped },
            {
                $0.factorInterval = .every(2)
                $0.inverseInterval = .every(3)
            },
            { $0.klClip = 1e-6 }, { $0.weightSharing = .reduce },
            {
                $0.factorInterval = .every(3)
                $0.inverseInterval = .every(3)
                $0.staggersCurvature = true
            },
        ] as [(inout CurvatureConfiguration) -> Void] {
            let configuration = configuration(change)
            for processes in [2, 3] {
                check(
                    distributed(processes, configuration, dtype: .float64, steps: 8),
                    against: single(processes, configuration, dtype: .float64, steps: Array(0..<8)), below: 1e-9,
                    "\(processes) processes, \(configuration.beta), \(configuration.eta), \(configuration.metric)")
            }
        }
    }

    /// Gradients of one process that are not numbers: all leave the step out, and go on as if it had not been.
    func testOneProcessSkipsAllSkip() {
        for rank in 0..<3 {
            let outcomes = distributed(3, configuration(), dtype: .float64, spoiled: (1, rank))
            XCTAssertTrue(outcomes.allSatisfy { $0.finite == [true, false, true] }, "rank \(rank)")
            var expected = single(3, configuration(), dtype: .float64, steps: [0, 2])
            expected.directions.insert(Self.layers.map { _ in nil }, at: 1)
            check(outcomes, against: expected, below: 1e-9, "rank \(rank)")
        }
    }

    /// A layer that one process does not come by: its gradient there is zero, and the others' statistics count.
    func testALayerThatIsNotUsedEverywhere() {
        for missing in [(layer: 0, rank: 1), (layer: 3, rank: 0)] {
            let outcomes = distributed(2, configuration(), dtype: .float64, without: missing)
            check(outcomes, against: outcomes[0], below: 1e-12, "\(missing)")
            XCTAssertTrue(outcomes.allSatisfy { $0.directions.allSatisfy { $0.allSatisfy { $0 != nil } } })
            // A = 1/(N T) sum a a^T of the other process alone.
            let alone = Self.engine(configuration())
            Self.record(alone, 4, step: 0, rank: 1 - missing.rank, total: 4, dtype: .float64)
            _ = alone.directions(learningRate: 1)
            let first = distributed(2, configuration(), dtype: .float64, steps: 1, without: missing)[0]
            for (key, value) in alone.state(names: Self.names) where key.hasPrefix("layer\(missing.layer).") {
                assertRelativeDifference(first.state[key]!, value, below: 1e-12, key)
            }
        }
    }

    func testWhatIsSent() {
        let blocks = Self.layers.map { $0.block(.expand) }
        let parameters = Self.layers.map(\.parameterCount).reduce(0, +)
        let statistics = blocks.flatMap(\.statisticsShapes).map { $0.reduce(1, *) }.reduce(0, +)
        let flags = 2 + 2 * blocks.count
        let everySecond = configuration { $0.factorInterval = .every(2) }
        for outcome in distributed(2, everySecond, dtype: .float32, steps: 4) {
            XCTAssertEqual(outcome.calls, 4, "one call per step")
            XCTAssertEqual(outcome.elements, 4 * (2 * parameters + flags) + 2 * statistics)
        }
        let staggered = configuration {
            $0.factorInterval = .every(3)
            $0.staggersCurvature = true
        }
        for outcome in distributed(2, staggered, dtype: .float32, steps: 7) {
            let perStep = 2 * parameters + flags + blocks.count
            XCTAssertEqual(outcome.elements, 7 * perStep + 3 * statistics, "at step 0, then twice in turns")
        }
        for outcome in distributed(2, configuration { $0.beta = .zero }, dtype: .float32, steps: 1) {
            XCTAssertEqual(outcome.elements, parameters + flags + statistics, "K-FAC sends no difference")
        }
    }
}
