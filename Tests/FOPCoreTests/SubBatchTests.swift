import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch
import XCTest

/// More than two sub-batches.
final class SubBatchTests: SmallTensorTestCase {
    /// Random gradients that have a common part, and a block to project them in.
    private struct Case {
        let block: KroneckerBlock
        let F, M: Matrix
        let gradients: [Tensor]
        let title: String

        init(_ count: Int, seed: UInt64, dtype: DType, scale: Double = 1) {
            let pair = ProjectionCase(.random, .full, outputs: 4, inputs: 5, dtype: dtype, seed: seed)
            (block, F, M) = (pair.block, pair.F, pair.M)
            let common = randomTensor([4, 5], seed: seed, dtype: dtype)
            gradients = (0..<count).map {
                (common + randomTensor([4, 5], seed: seed &+ 50 &+ UInt64($0), dtype: dtype)) * scale
            }
            title = "k = \(count), seed \(seed), \(dtype)"
        }

        func step(_ gradients: [Tensor]? = nil) -> ProjectedStep {
            projectFisherOrthogonally(
                gradients ?? self.gradients, metric: block.fisherProduct, preconditioner: block.precondition)
        }

        var expected: ReferenceManyStep {
            ReferenceManyStep(gradients.map { $0.scalars(as: Double.self) }, fisher: F, damped: M)
        }
    }

    private func forEachCase(_ body: (Case, Double) -> Void) {
        for dtype in [DType.float32, .float64] {
            for count in [2, 3, 4, 6] {
                for seed in 0..<5 {
                    body(
                        Case(count, seed: UInt64(10 * seed), dtype: dtype, scale: [1, 1e-5, 1e4][seed % 3]),
                        dtype == .float64 ? 1e-9 : 1e-3)
                }
            }
        }
    }

    func testTheDenseComputationGivesTheSame() {
        forEachCase { test, bound in
            let (step, expected) = (test.step(), test.expected)
            assertReference(step.direction(), expected.direction, below: bound, test.title)
            assertReference(step.scalars.eta, expected.eta, below: bound, test.title)
            assertReference(step.scalars.cross, expected.cross, below: 10 * bound, test.title)
            assertReference(step.scalars.square, expected.square, below: 10 * bound, test.title)
        }
    }

    /// With two gradients the general system is the paper's closed form.
    func testTwoAreThePapersMethod() {
        for seed in 0..<6 {
            let test = Case(2, seed: UInt64(seed), dtype: .float64)
            let paper = ReferenceStep(
                test.gradients[0].scalars(), test.gradients[1].scalars(), fisher: test.F, damped: test.M)
            assertReference(test.step().direction(), paper.direction, test.title)
            assertReference(Tensor(test.expected.direction), paper.direction, below: 1e-9, test.title)
        }
    }

    func testTheOrderDoesNotMatter() {
        forEachCase { test, bound in
            let expected = test.step().direction().scalars(as: Double.self)
            let shuffled = Array(test.gradients.reversed().dropFirst() + [test.gradients.last!])
            assertReference(test.step(shuffled).direction(), expected, below: bound, test.title)
        }
    }

    /// Sub-batches that say nothing new leave the step as it is; copies of one gradient give K-FAC's.
    func testRepeatedGradientsAddNothing() {
        for dtype in [DType.float32, .float64] {
            for seed in 0..<6 {
                let test = Case(2, seed: UInt64(seed), dtype: dtype)
                let twice = test.step(test.gradients + test.gradients).direction()
                // What rounding leaves in the directions that say nothing: that of the type over the ridge.
                let bound = dtype == .float64 ? 1e-7 : 2e-3
                assertReference(twice, test.step().direction().scalars(), below: bound, test.title)
                let plain = test.block.precondition(test.gradients[0]).scalars(as: Double.self)
                let copies = test.step([Tensor](repeating: test.gradients[0], count: 4)).direction()
                assertReference(copies, plain, below: dtype == .float64 ? 1e-10 : 1e-4, test.title)
            }
        }
    }

    /// beta^2 E <= B, 1/2 <= eta <= 1, <g_avg, d> >= 0, whatever the gradients.
    func testTheCorrectionIsBounded() {
        forEachCase { test, bound in
            for factor in [0, 1e-7, 1e-3, 1.0] {
                let near = test.gradients.map { test.gradients[0] + ($0 - test.gradients[0]) * factor }
                let step = test.step(near)
                let (B, square) = (number(step.scalars.B), number(step.scalars.square))
                XCTAssertLessThanOrEqual(square, B * (1 + bound), "\(test.title), \(factor)")
                let eta = number(step.scalars.eta)
                XCTAssertTrue(eta > 0.5 - bound && eta < 1 + bound, "eta \(eta): \(test.title), \(factor)")
                XCTAssertGreaterThanOrEqual(number(step.scalars.gain), 0, "\(test.title), \(factor)")
            }
        }
    }

    /// From records on: a batch in three parts, of sizes that differ; micro-batches; parts of micro-batches.
    func testBatchesAreSplit() throws {
        let layer = LayerCase.linear("linear")
        for (split, sizes, expected) in [
            (SubBatchSplit.automatic, [8], [[0..<3], [3..<6], [6..<8]]),
            (.automatic, [2, 2, 2, 3], [[0..<2, 2..<4], [4..<6], [6..<9]]),
            (.example, [4, 3], [[0..<2, 4..<5], [2..<3, 5..<6], [3..<4, 6..<7]]),
            (.microBatch, [3, 4, 2], [[0..<3], [3..<7], [7..<9]]),
            (.automatic, [2, 3], [[0..<2], [2..<5]]),
        ] as [(SubBatchSplit, [Int], [[Range<Int>]])] {
            let pair = PreconditionerPair([layer]) {
                $0.subBatches = 3
                $0.split = split
                $0.klClip = nil
                $0.factorExamples = .all
            }
            let examples = pair.record(sizes, seed: 7, dtype: .float64).flatMap { $0[0] }
            let directions = pair.preconditioner.directions(learningRate: 1).directions
            let block = pair.preconditioner.blocks[0]
            let factors = layer.reference(.expand).statistics(examples)
            let step = ReferenceManyStep(
                expected.map { parts in meanGradient(parts.flatMap { examples[$0] }) },
                fisher: layer.reference(.expand).fisher(factors),
                damped: layer.reference(.expand).damped(factors, pair.preconditioner.currentDamping))
            assertReference(block.pack(directions[0]!), step.direction, below: 1e-9, "\(split), \(sizes)")
        }
    }

    func testOneMicroBatchAloneIsKFAC() throws {
        let pair = PreconditionerPair([.linear("linear")]) {
            $0.split = .microBatch
            $0.klClip = nil
        }
        pair.record([6], seed: 1, dtype: .float64)
        _ = pair.preconditioner.directions(learningRate: 1)
        let scalars = try XCTUnwrap(pair.preconditioner.lastScalars[0])
        XCTAssertEqual(number(scalars.beta), 0)
        XCTAssertEqual(number(scalars.eta), 1)
        XCTAssertGreaterThan(number(scalars.B), 0)
    }

    func testWhatDoesNotGoTogetherIsRefused() {
        var configuration = CurvatureConfiguration()
        configuration.subBatches = 3
        XCTAssertEqual(configuration.problems, [])
        configuration.beta = .fixed(0.5)
        XCTAssertEqual(configuration.problems.count, 1)
        configuration.beta = .paper
        configuration.subBatches = 1
        XCTAssertEqual(configuration.problems, ["subBatches is 1: use a whole number of 2 or more"])
    }
}

private func number(_ tensor: Tensor) -> Double { tensor.item(as: Double.self) }
