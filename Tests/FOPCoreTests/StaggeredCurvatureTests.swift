import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch
import XCTest

/// Blocks that are updated at steps of their own.
final class StaggeredCurvatureTests: SmallTensorTestCase {
    private typealias Calls = ObservedBlock.Calls

    private static let layers = [
        LayerCase.linear[0], LayerCase.linear[3], LayerCase.convolutions[2], LayerCase.convolutions[7],
        LayerCase.normalizations[0], LayerCase.normalizations[4], LayerCase.normalizations[7],
    ]

    /// An engine whose blocks are observed.
    private final class Run {
        var layers: [LayerCase]
        var blocks: [ObservedBlock]
        let engine: FisherPreconditioner
        /// What was asked of each block, by step that was taken.
        var log: [[Calls]] = []
        var directions: [[Tensor]] = []
        var finite: [Bool] = []
        var seed: UInt64 = 0

        init(_ layers: [LayerCase] = StaggeredCurvatureTests.layers, _ change: (inout CurvatureConfiguration) -> Void) {
            var configuration = Settings { $0.damping = 0.1 }.curvature
            configuration.factorInterval = .every(5)
            configuration.inverseInterval = .every(5)
            configuration.staggersCurvature = true
            change(&configuration)
            self.layers = layers
            blocks = layers.map { ObservedBlock($0.block(configuration.weightSharing)) }
            engine = FisherPreconditioner(blocks: blocks, configuration: configuration)
        }

        /// - Parameters:
        ///   - missing: blocks that nothing passes through.
        ///   - spoiled: whether the gradients are no numbers.
        func step(_ sizes: [Int] = [6], without missing: Set<Int> = [], spoiled: Bool = false) {
            let total = sizes.reduce(0, +)
            for size in sizes {
                engine.beginMicroBatch()
                for (index, layer) in layers.enumerated() where !missing.contains(index) {
                    seed += 1
                    var record = layer.draw(size, seed: seed, dtype: .float64, total: total).record
                    if spoiled { record.outputGradient = record.outputGradient * Double.nan }
                    engine.record(record, block: index)
                }
            }
            finish()
        }

        func finish() {
            let (directions, isFinite) = engine.directions(learningRate: 0.3)
            self.directions.append(directions.flatMap { $0 ?? [] })
            finite.append(isFinite.item(as: Bool.self))
            log.append(blocks.map { $0.take() })
        }

        func steps(_ count: Int) { for _ in 0..<count { step() } }

        /// The steps at which a block's inverse was made.
        func inversions(_ block: Int) -> [Int] { log.indices.filter { log[$0][block].inverses > 0 } }
    }

    /// All at the first step; then each once in every five steps, always at the same of them, factors and inverse
    /// together, and no statistics are formed but those.
    func testEveryBlockIsUpdatedOncePerInterval() {
        for sizes in [[6], [3, 4]] {
            let run = Run { _ in }
            for _ in 0..<16 { run.step(sizes) }
            let calls = Calls(statistics: sizes.count, averages: 1, inverses: 1)
            XCTAssertEqual(run.log[0], run.blocks.map { _ in calls })
            for block in run.blocks.indices {
                let steps = run.inversions(block)
                XCTAssertEqual(steps.count, 4, "block \(block)")
                XCTAssertTrue((1...5).contains(steps[1]), "block \(block): no older than an interval")
                XCTAssertEqual(steps[2...].map { $0 - steps[1] }, [5, 10], "block \(block)")
                for step in run.log.indices {
                    XCTAssertEqual(
                        run.log[step][block], steps.contains(step) ? calls : Calls(), "block \(block), step \(step)")
                }
            }
            XCTAssertTrue((1...5).allSatisfy { step in run.blocks.indices.contains { run.inversions($0).contains(step) } })
        }
    }

    /// Twelve blocks alike in four steps are three in each; one that is dearer than all others has a step to itself.
    func testTheStepsOfAnIntervalAreLevel() {
        let alike = Run([LayerCase](repeating: .linear[0], count: 12)) {
            $0.factorInterval = .every(4)
            $0.inverseInterval = .every(4)
        }
        alike.steps(9)
        XCTAssertEqual(alike.log[1...].map { $0.filter { $0 == .once }.count }, [Int](repeating: 3, count: 8))
        let dear = LayerCase.linear("dear", inputs: 40, outputs: 40)
        let run = Run([.linear[0], .linear[2], dear, .linear[4], .linear[0]]) {
            $0.factorInterval = .every(3)
            $0.inverseInterval = .every(3)
        }
        run.steps(4)
        XCTAssertEqual(run.inversions(2).count, 2)
        XCTAssertEqual(run.log[run.inversions(2)[1]].filter { $0.inverses > 0 }.count, 1)
    }

    /// Many positions cost as much as a large factor: of blocks with the same factors those with more rows count for
    /// more.
    func testPositionsCount() {
        let many = LayerCase.linear("many positions", positions: [40])
        let run = Run([many, .linear[0], .linear[0], .linear[0]]) {
            $0.factorInterval = .every(2)
            $0.inverseInterval = .every(2)
        }
        run.steps(3)
        let alone = run.inversions(0)[1]
        XCTAssertEqual(run.log[alone].map(\.inverses), [1, 0, 0, 0])
        XCTAssertEqual(run.log[3 - alone].map(\.inverses), [0, 1, 1, 1])
    }

    /// Against the reference, told at which steps which block was updated.
    func testDirections() {
        for (factors, inverses) in [(3, 3), (2, 4), (1, 3), (4, 2)] {
            let run = Run {
                $0.factorInterval = .every(factors)
                $0.inverseInterval = .every(inverses)
            }
            let length = max(factors, inverses)
            run.steps(length + 1)
            let offsets = run.blocks.indices.map { block in
                (1...length).first { step in
                    let calls = run.log[step][block]
                    return factors > inverses ? calls.averages > 0 : calls.inverses > 0
                } ?? 0
            }
            XCTAssertGreaterThan(Set(offsets).count, 1)
            let pair = PreconditionerPair(
                Self.layers,
                Settings {
                    $0.damping = 0.1
                    ($0.factorInterval, $0.inverseInterval, $0.offsets) = (factors, inverses, offsets)
                }
            ) { $0.staggersCurvature = true }
            pair.check([[6], [5], [6], [4], [6], [6], [3, 4], [6], [6]], dtype: .float64, "\(factors), \(inverses)")
        }
    }

    /// An inverse is made of factors of the same step, also where factors are updated more often.
    func testAnInverseHasFactorsOfItsOwnStep() {
        let run = Run {
            $0.factorInterval = .every(2)
            $0.inverseInterval = .every(6)
        }
        run.steps(19)
        for block in run.blocks.indices {
            XCTAssertEqual(run.inversions(block).count, 4, "block \(block)")
            for step in run.inversions(block) { XCTAssertEqual(run.log[step][block], .once, "block \(block)") }
            let factors = run.log.indices.filter { run.log[$0][block].averages > 0 }
            XCTAssertEqual(factors.count, 10, "block \(block)")
        }
    }

    func testAnIntervalOfOneStepIsWhatItIsWithout() {
        let runs = [true, false].map { isStaggered in
            Run {
                $0.factorInterval = .every(1)
                $0.inverseInterval = .every(1)
                $0.staggersCurvature = isStaggered
            }
        }
        for run in runs { run.steps(4) }
        XCTAssertEqual(runs[0].log, runs[1].log)
        for (staggered, other) in zip(runs[0].directions, runs[1].directions) { assertIdentical(staggered, other) }
    }

    /// Automatic intervals: all at steps 0, 1, 2, 4, 8 and 14, and from then on in turns.
    func testTheStartOfARunIsAsItWas() {
        let run = Run([LayerCase](repeating: .linear[0], count: 3)) {
            $0.factorInterval = .automatic
            $0.inverseInterval = .automatic
            $0.factorExamples = .atMost(8)
        }
        // 25,600 / 4,000 examples are 6 steps.
        let gradient = randomTensor([4000, 4], seed: 1) * (1 / 4000.0)
        for step in 0..<27 {
            run.engine.beginMicroBatch()
            for index in run.blocks.indices {
                let input = randomTensor([4000, 5], seed: UInt64(2 + 3 * step + index))
                run.engine.record(LayerRecord(input: input, outputGradient: gradient), block: index)
            }
            run.finish()
        }
        let all = run.log.indices.filter { run.log[$0].allSatisfy { $0 == .once } }
        XCTAssertEqual(all, [0, 1, 2, 4, 8, 14])
        for block in run.blocks.indices {
            let later = run.inversions(block).filter { $0 > 14 }
            XCTAssertEqual(later.count, 2, "block \(block)")
            XCTAssertTrue((15...20).contains(later[0]), "block \(block)")
            XCTAssertEqual(later[1] - later[0], 6, "block \(block)")
        }
        XCTAssertEqual(Set(run.blocks.indices.map { run.inversions($0)[6] }).count, 3)
    }

    /// Whatever an interval's length does meanwhile, each block has one turn in it.
    func testIntervalsThatChange() {
        for lengths in [[4, 9], [9, 4], [3, 7, 5]] {
            let steps = Interval.function { step in lengths[step % lengths.count] }
            let run = Run {
                $0.factorInterval = steps
                $0.inverseInterval = steps
            }
            run.steps(40)
            // Where all have had their turn a new interval begins.
            var counts = run.blocks.map { _ in 0 }
            for calls in run.log[1...] {
                for block in run.blocks.indices { counts[block] += calls[block].inverses }
                XCTAssertLessThanOrEqual(counts.max()! - counts.min()!, 1, "\(lengths)")
            }
            XCTAssertGreaterThanOrEqual(counts.min()!, 40 / lengths.max()! - 1, "\(lengths)")
        }
    }

    /// A step that is left out leaves due what was due: the run goes on as if it had not been.
    func testASkippedStepLeavesItsBlocksDue() {
        let whole = Run { _ in }
        whole.steps(8)
        for skipped in 1..<7 {
            let run = Run { _ in }
            run.steps(skipped)
            run.step(spoiled: true)
            XCTAssertEqual(run.log.removeLast().map(\.averages), run.blocks.map { _ in 0 })
            XCTAssertEqual(run.finite.removeLast(), false)
            run.directions.removeLast()
            run.seed -= UInt64(run.layers.count)
            run.steps(8 - skipped)
            XCTAssertEqual(run.log, whole.log, "step \(skipped)")
            for (own, other) in zip(run.directions, whole.directions) { assertIdentical(own, other, "step \(skipped)") }
        }
    }

    /// A block that nothing passes through at its step misses its turn; a new one is updated at its first use.
    func testBlocksThatAreNotUsed() {
        let late = 2
        let run = Run { _ in }
        for _ in 0..<3 { run.step(without: [late]) }
        XCTAssertTrue(run.inversions(late).isEmpty)
        run.steps(13)
        XCTAssertEqual(run.inversions(late).first, 3)
        XCTAssertEqual(run.inversions(late).filter { $0 > 5 }.count, 2, "once in steps 6 to 10, and 11 to 15")
        let whole = Run { _ in }
        whole.steps(6)
        let turn = whole.inversions(0)[1]
        let other = Run { _ in }
        for step in 0..<16 { other.step(without: step == turn ? [0] : []) }
        XCTAssertEqual(other.inversions(0), [0, turn + 5, turn + 10])
    }

    /// Blocks that stay have their turn once per interval whichever come and go.
    func testBlocksThatAreReplaced() {
        for step in 1..<7 {
            let run = Run { _ in }
            run.steps(step)
            let new = LayerCase.linear("new", inputs: 12, outputs: 12)
            let newBlock = ObservedBlock(new.block(.expand))
            let log = run.log
            (run.layers, run.blocks) = ([new] + run.layers.dropFirst(2), [newBlock] + run.blocks.dropFirst(2))
            run.engine.replaceBlocks(run.blocks)
            run.log = log.map { [Calls()] + $0.dropFirst(2) }
            run.steps(16 - step)
            XCTAssertEqual(run.log[step][0], .once, "the new one at its first use")
            for interval in [1...5, 6...10, 11...15] {
                for block in run.blocks.indices where block > 0 {
                    let turns = run.inversions(block).filter { interval.contains($0) }
                    XCTAssertEqual(turns.count, 1, "replaced at step \(step), block \(block), steps \(interval)")
                }
            }
        }
    }

    /// Passes for the curvature only where a block is due, and their statistics for those blocks alone.
    func testMonteCarloPasses() {
        let run = Run([.linear[0], .linear[2]]) { $0.fisher = .monteCarlo() }
        var wanted: [Int] = []
        for step in 0..<11 {
            run.engine.beginMicroBatch()
            for pass in [PassKind.curvature(countsExamples: true), .gradients] {
                if pass != .gradients {
                    guard run.engine.wantsCurvaturePasses else { continue }
                    wanted.append(step)
                }
                run.engine.beginPass(pass)
                for (index, layer) in run.layers.enumerated() {
                    run.engine.record(layer.draw(6, seed: UInt64(10 * step + index), dtype: .float64).record, block: index)
                }
            }
            run.finish()
        }
        XCTAssertEqual(wanted, run.log.indices.filter { run.log[$0].contains(.once) })
        XCTAssertEqual(wanted.count, 5, "\(wanted)")
        XCTAssertEqual(run.log[0], [.once, .once])
        for step in wanted.dropFirst() { XCTAssertEqual(Set(run.log[step].map(\.inverses)), [0, 1], "step \(step)") }
        XCTAssertTrue(run.log.joined().allSatisfy { $0 == .once || $0 == Calls() })
    }

    // MARK: States

    private let names = layers.indices.map { "layer\($0)" }

    func testAResumedRunEqualsOneThatNeverStopped() {
        for change in [
            { _ in },
            {
                $0.factorInterval = .every(2)
                $0.inverseInterval = .every(4)
            },
        ] as [(inout CurvatureConfiguration) -> Void] {
            // One block is used for the first time after its turn.
            func steps(_ run: Run, _ range: Range<Int>) {
                for step in range { run.step(without: step < 4 ? [2] : []) }
            }
            let whole = Run(Self.layers, change)
            steps(whole, 0..<14)
            for stop in 1..<8 {
                let first = Run(Self.layers, change)
                steps(first, 0..<stop)
                let second = Run(Self.layers, change)
                second.engine.load(first.engine.state(names: names), names: names)
                second.seed = first.seed
                steps(second, stop..<14)
                XCTAssertEqual(second.log, Array(whole.log[stop...]), "stopped after \(stop)")
                for (own, other) in zip(second.directions, whole.directions[stop...]) {
                    assertIdentical(own, other, "stopped after \(stop)")
                }
                assertIdentical(second.engine.state(names: names), whole.engine.state(names: names))
            }
        }
    }

    /// States of runs that did not stagger, as all were before: what is overdue comes first, then the turns.
    func testAStateOfARunThatDidNotStagger() {
        let first = Run { $0.staggersCurvature = false }
        first.steps(8)
        let state = first.engine.state(names: names)
        XCTAssertFalse(state.keys.contains { $0.hasSuffix(".turn") })
        let second = Run { _ in }
        second.engine.load(state, names: names)
        second.steps(8)
        for block in second.blocks.indices {
            // Steps 8 to 10 of the whole run are the rest of the interval.
            XCTAssertEqual(second.inversions(block).filter { $0 < 3 }.count, 1, "block \(block)")
            XCTAssertEqual(second.inversions(block).filter { $0 >= 3 }.count, 1, "block \(block)")
        }
    }

    /// And the other way round: nothing is left of the turns.
    func testAStateOfARunThatStaggered() {
        let first = Run { _ in }
        first.steps(8)
        let state = first.engine.state(names: names)
        let second = Run { $0.staggersCurvature = false }
        second.engine.load(state, names: names)
        second.steps(9)
        for block in second.blocks.indices { XCTAssertEqual(second.inversions(block), [2, 7]) }
        // Without factors all begin anew.
        let third = Run { _ in }
        third.engine.load(first.engine.state(names: names, includingCurvature: false), names: names)
        third.steps(6)
        XCTAssertEqual(third.log[0], third.blocks.map { _ in .once })
        for block in third.blocks.indices { XCTAssertEqual(third.inversions(block).count, 2) }
    }
}
