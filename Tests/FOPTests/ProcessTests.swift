import DenseComparison
import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Several processes, each with an optimizer and batches of its own, against one that gets them all as micro-batches:
/// those of the even ranks first.
final class ProcessTests: SmallTensorTestCase {
    /// Convolution, normalisation and linear layers, and a scale for the fallback rule.
    private final class Net: Module, Layer {
        let first = Conv2d(1, 4, kernel: 3, stride: 2, padding: 1, generator: Generator(seed: 1))
        let norm = GroupNorm(groups: 2, channels: 4)
        let scale = Parameter(Tensor.full([4, 1, 1], 0.5))
        let last = Linear(4 * 9, 3, generator: Generator(seed: 2))

        override init() {
            super.init()
            to(.float64)
        }

        func callAsFunction(_ input: Tensor) -> Tensor {
            last((norm(first(input)) * scale.value).tanh().flattened(from: 1, to: -1))
        }

        func loss(_ batch: LabelledBatch) -> Tensor { crossEntropy(self(batch.inputs), batch.labels) }
    }

    /// What a process ends up with.
    private struct Outcome: @unchecked Sendable {
        var weights: [Tensor] = []
        var state: [String: Tensor] = [:]
        var outcomes: [StepOutcome] = []
        var diagnostics: StepDiagnostics?
        var kinds: [String] = []
        var error = ""
    }

    private struct Run: Sendable {
        var title: String
        var clip: Double?
        var isAdaptive = false
        var lossScale = 1.0
        /// Several processes compare no gradients for K-FAC.
        var measuresNoise = true
        var change: @Sendable (inout FOPOptions) -> Void = { _ in }

        var options: FOPOptions {
            var options = FOPOptions()
            options.weightDecay = 0.01
            options.curvature.factorInterval = .every(1)
            options.curvature.inverseInterval = .every(2)
            if isAdaptive {
                var rule = AdaptiveDamping()
                rule.interval = 1
                options.curvature.dampingPolicy = .adaptive(rule)
            }
            change(&options)
            return options
        }
    }

    private static let runs = [
        Run(title: "defaults"), Run(title: "clipped", clip: 0.1), Run(title: "loss scale", lossScale: 64),
        Run(title: "adaptive damping", isAdaptive: true),
        Run(title: "K-FAC", measuresNoise: false, change: { $0.curvature.beta = .zero }),
        Run(title: "AdamW for the rest", change: { $0.fallback.rule = .adamW() }),
        Run(title: "no momentum", change: { $0.momentum = 0 }),
        Run(title: "no blocks", clip: 0.1, change: { $0.curvature.block = .fallback }),
    ]

    private static func batch(_ count: Int, step: Int, rank: Int) -> LabelledBatch {
        LabelledBatch(count, [1, 6, 6], classes: 3, seed: UInt64(100 * step + rank), dtype: .float64)
    }

    private static func finish(_ optimizer: FOP, _ model: Module, _ outcome: inout Outcome) {
        outcome.weights = model.parameters.map { $0.value.detached() }
        outcome.state = optimizer.state
        outcome.diagnostics = optimizer.diagnostics
        outcome.kinds = optimizer.coverage.rows.map(\.kind)
    }

    private static func step(
        _ optimizer: FOP, _ run: Run, reevaluating loss: () throws -> Tensor
    ) throws -> StepOutcome {
        if let clip = run.clip { try optimizer.clipGradientNorm(maximum: clip) }
        return run.isAdaptive ? try optimizer.step(reevaluating: loss) : try optimizer.step()
    }

    /// - Parameters:
    ///   - counts: the examples of each step, for each rank.
    ///   - spoiled: the step and the rank of a loss that is not a number.
    private func together(
        _ processes: Int, _ run: Run, counts: [[Int]], spoiled: (step: Int, rank: Int)? = nil
    ) -> [Outcome] {
        SimulatedProcesses(processes).run { group in
            var outcome = Outcome()
            do {
                let model = Net()
                let optimizer = try FOP(
                    model, learningRate: 0.05, options: run.options, processes: EvenOddReduction(group))
                optimizer.measuresGradientNoise = run.measuresNoise
                optimizer.lossScale = run.lossScale
                for (step, counts) in counts.enumerated() {
                    let batch = Self.batch(counts[group.rank], step: step, rank: group.rank)
                    let isSpoiled = spoiled.map { $0 == (step, group.rank) } ?? false
                    try optimizer.backward(isSpoiled ? model.loss(batch) * .nan : model.loss(batch))
                    outcome.outcomes.append(try Self.step(optimizer, run) { model.loss(batch) })
                }
                Self.finish(optimizer, model, &outcome)
            } catch { outcome.error = "\(error)" }
            return outcome
        }
    }

    private func alone(_ processes: Int, _ run: Run, steps: [Int], count: Int) throws -> Outcome {
        var outcome = Outcome()
        let model = Net()
        let optimizer = try FOP(model, learningRate: 0.05, options: run.options)
        optimizer.measuresGradientNoise = run.measuresNoise
        optimizer.lossScale = run.lossScale
        let ranks = Array(stride(from: 0, to: processes, by: 2)) + Array(stride(from: 1, to: processes, by: 2))
        func loss(_ step: Int, _ rank: Int) -> Tensor {
            model.loss(Self.batch(count, step: step, rank: rank)) * (1 / Double(processes))
        }
        for step in steps {
            for rank in ranks { try optimizer.backward(loss(step, rank)) }
            outcome.outcomes.append(
                try Self.step(optimizer, run) { ranks.map { loss(step, $0) }.reduce(.zeros([], dtype: .float64), +) })
        }
        Self.finish(optimizer, model, &outcome)
        return outcome
    }

    /// Every process has the same bits.
    private func assertReplicas(_ outcomes: [Outcome], _ title: String, line: UInt = #line) {
        for outcome in outcomes {
            XCTAssertEqual(outcome.error, "", title, line: line)
            XCTAssertEqual(outcome.outcomes, outcomes[0].outcomes, title, line: line)
            XCTAssertEqual(outcome.kinds, outcomes[0].kinds, title, line: line)
            XCTAssertEqual(outcome.diagnostics, outcomes[0].diagnostics, title, line: line)
            assertIdentical(outcome.weights, outcomes[0].weights, title, line: line)
            assertIdentical(outcome.state, outcomes[0].state, title, line: line)
        }
    }

    private func assertAgree(_ outcomes: [Outcome], _ expected: Outcome, _ title: String, line: UInt = #line) {
        assertReplicas(outcomes, title, line: line)
        XCTAssertEqual(outcomes[0].kinds, expected.kinds, title, line: line)
        for (one, other) in zip(outcomes[0].weights, expected.weights) {
            assertRelativeDifference(one, other, below: 1e-9, title, line: line)
        }
        XCTAssertEqual(Set(outcomes[0].state.keys), Set(expected.state.keys), title, line: line)
        for (key, tensor) in outcomes[0].state where tensor.dtype == .float64 {
            assertRelativeDifference(tensor, expected.state[key]!, below: 1e-8, "\(title): \(key)", line: line)
        }
    }

    func testTwoAndThreeProcessesAreTheHalvesOfOne() throws {
        for run in Self.runs {
            for processes in [2, 3] {
                let counts = [[Int]](repeating: [Int](repeating: 4, count: processes), count: 4)
                let expected = try alone(processes, run, steps: Array(0..<4), count: 4)
                XCTAssertEqual(expected.outcomes, Array(repeating: .applied, count: 4))
                let title = "\(run.title), \(processes) processes"
                assertAgree(together(processes, run, counts: counts), expected, title)
            }
        }
    }

    /// A loss that is not a number in one process: all leave the step out, and go on as if it had not been.
    func testOneSkipsAllSkip() throws {
        let counts = [[Int]](repeating: [4, 4, 4], count: 4)
        for rank in 0..<3 {
            let outcomes = together(3, Self.runs[0], counts: counts, spoiled: (1, rank))
            XCTAssertEqual(outcomes[0].outcomes, [.applied, .skipped, .applied, .applied])
            var expected = try alone(3, Self.runs[0], steps: [0, 2, 3], count: 4)
            expected.state["skipped_step_count"] = Tensor(1)
            assertAgree(outcomes, expected, "rank \(rank)")
        }
    }

    /// Batches of other sizes, and none at all in one process: nobody waits for ever, and all have the same weights.
    func testUnevenAndEmptyBatches() {
        // Without any block nobody sees that a batch is empty.
        for run in Self.runs where run.title != "no blocks" {
            let counts = [[4, 3, 5], [4, 0, 1], [0, 2, 0], [0, 0, 0], [0, 0, 3], [2, 2, 2]]
            let outcomes = together(3, run, counts: counts)
            assertReplicas(outcomes, run.title)
            XCTAssertEqual(
                outcomes[0].outcomes, [.applied, .applied, .applied, .skipped, .applied, .applied], run.title)
            for weight in outcomes[0].weights { XCTAssertTrue(weight.isFinite().all().item(as: Bool.self), run.title) }
        }
    }

    /// The table is also the head, and a parameter has a part in one process alone.
    private final class Tied: Module {
        let embedding = Embedding(7, 4, generator: Generator(seed: 1))
        let extra = Parameter(Tensor.full([4], 0.5))

        override init() {
            super.init()
            to(.float64)
        }

        func loss(_ seed: Int, usingExtra: Bool) -> Tensor {
            let words = randomIntegers([8], in: 0..<7, seed: UInt64(seed))
            let features = embedding(words).tanh() * (usingExtra ? extra.value : Tensor.ones([4], dtype: .float64))
            let scores = features.linear(weight: embedding.weight.value)
            return crossEntropy(scores, randomIntegers([8], in: 0..<7, seed: UInt64(seed + 100)))
        }
    }

    /// What one process finds out about a block, and a gradient that one process has, count for all.
    func testWhatOneProcessSeesCountsForAll() throws {
        for seesNothing in 0..<2 {
            let outcomes = SimulatedProcesses(2).run { group in
                var outcome = Outcome()
                do {
                    let model = Tied()
                    let optimizer = try FOP(model, learningRate: 0.05, processes: EvenOddReduction(group))
                    for step in 0..<3 {
                        // Nothing can be seen in a gradient of zero.
                        let share = step == 0 && group.rank == seesNothing ? 0.0 : 1
                        try optimizer.backward(model.loss(10 * step + group.rank, usingExtra: group.rank == 1) * share)
                        outcome.outcomes.append(try optimizer.step())
                    }
                    Self.finish(optimizer, model, &outcome)
                } catch { outcome.error = "\(error)" }
                return outcome
            }
            assertReplicas(outcomes, "rank \(seesNothing)")
            XCTAssertEqual(outcomes[0].kinds, ["fallback", "fallback"])
            XCTAssertFalse(outcomes[0].weights[1].isEqual(to: Tensor.full([4], 0.5, dtype: .float64)))
        }
    }

    /// Gradients and factors travel in their own type, from a process without examples as well; flags on their own in
    /// float32.
    func testWhatTravels() {
        for dtype in [DType.float32, .float64] {
            let types = SimulatedProcesses(2).run { group -> Set<DType> in
                let model = Net()
                model.to(dtype)
                let optimizer = try? FOP(
                    model, learningRate: 0.05, options: FOPOptions(), processes: EvenOddReduction(group))
                for step in 0..<2 {
                    let batch = LabelledBatch(
                        step == group.rank ? 0 : 3, [1, 6, 6], classes: 3, seed: 1, dtype: dtype)
                    try? optimizer?.backward(model.loss(batch))
                    try? optimizer?.clipGradientNorm(maximum: 1)
                    XCTAssertEqual(try? optimizer?.step(), .applied)
                }
                return group.types
            }
            XCTAssertEqual(types, [[.float32, dtype], [.float32, dtype]])
        }
    }

    func testSubBatchesAreTheProcesses() {
        let errors = SimulatedProcesses(2).run { group in
            var options = FOPOptions()
            options.curvature.subBatches = 3
            do {
                _ = try FOP(Net(), learningRate: 0.1, options: options, processes: EvenOddReduction(group))
                return "none"
            } catch { return "\(error)" }
        }
        for error in errors { assertContains(error, "curvature.subBatches is 3 with 2 processes") }
    }

    /// A process alone takes the same steps with and without saying so.
    func testOneProcess() throws {
        func weights(_ make: (Net) throws -> FOP) throws -> [Tensor] {
            let model = Net()
            let optimizer = try make(model)
            for step in 0..<3 {
                try optimizer.backward(model.loss(Self.batch(5, step: step, rank: 0)))
                try optimizer.step()
            }
            return model.parameters.map { $0.value.detached() }
        }
        assertIdentical(
            try weights { try FOP($0, learningRate: 0.1, options: FOPOptions(), processes: SingleProcess()) },
            try weights { try FOP($0, learningRate: 0.1) })
    }
}
