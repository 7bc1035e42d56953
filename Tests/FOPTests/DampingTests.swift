import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Damping and intervals that go by the batch size or change during a run.
final class DampingTests: SmallModelTestCase {
    func testTheRule() {
        var rule = AdaptiveDamping()
        rule.interval = 2
        rule.decay = 0.9
        rule.minimum = 0.1
        rule.maximum = 10
        let (less, more) = (0.81, 1 / 0.81)
        let cases: [(actual: Double, predicted: Double, factor: Double)] = [
            (-1, -1, less), (-0.8, -1, less), (-0.5, -1, 1), (-0.2, -1, more), (1, -1, more), (-1, 1, more),
            (1, 1, less), (.nan, -1, more), (0, 0, more),
        ]
        for (actual, predicted, factor) in cases {
            XCTAssertEqual(rule.next(1, actual: actual, predicted: predicted), factor, accuracy: 1e-12)
        }
        XCTAssertEqual(rule.next(0.11, actual: -1, predicted: -1), 0.1)
        XCTAssertEqual(rule.next(9, actual: 1, predicted: -1), 10)
    }

    /// For one linear layer under squares the exact Fisher is the Hessian: the model predicts the loss to the last digit,
    /// and the damping falls.
    func testTheQuadraticModelIsExactWhereTheLossIsQuadratic() throws {
        let model = Linear(3, 2, generator: Generator(seed: 1)).to(.float64)
        let inputs = randomTensor([8, 3], seed: 2, dtype: .float64)
        let targets = randomTensor([8, 2], seed: 3, dtype: .float64)
        for (reduction, lossReduction) in [(Reduction.mean, LossReduction.mean), (.sum, .sum)] {
            var rule = AdaptiveDamping()
            rule.interval = 1
            let optimizer = try FOP(
                model, learningRate: 0.5,
                options: options {
                    $0.curvature.fisher = .exact
                    $0.curvature.emaDecay = 0
                    $0.curvature.lossReduction = lossReduction
                    $0.curvature.dampingPolicy = .adaptive(rule)
                })
            let before = automaticDamping(batchSize: 8)
            for step in 1...3 {
                let output = model(inputs)
                try optimizer.backward(
                    meanSquaredError(output, targets, reduction: reduction), predictions: .gaussian(mean: output))
                try optimizer.step { meanSquaredError(model(inputs), targets, reduction: reduction) }
                XCTAssertEqual(
                    optimizer.damping, before * [1, 0.95, 0.9025, 0.857375][step], accuracy: 1e-12, "\(reduction)")
            }
        }
    }

    /// A step that is far too long raises the damping.
    func testALongStepRaisesTheDamping() throws {
        let model = SmallModel()
        let optimizer = try FOP(
            model, learningRate: 300, options: options { $0.curvature.dampingPolicy = .adaptive() })
        let before = automaticDamping(batchSize: SmallModel.batchSize)
        var evaluations = 0
        for step in 0..<6 {
            let loss = { model.loss(seed: 1) }
            try optimizer.backward(loss())
            try optimizer.step {
                evaluations += 1
                return loss()
            }
            if step == 0 { XCTAssertGreaterThan(optimizer.damping, before) }
        }
        XCTAssertEqual(evaluations, 2, "at steps 0 and 5")
    }

    func testStepWithoutTheLossIsRefused() throws {
        let model = SmallModel()
        let optimizer = try FOP(
            model, learningRate: 0.1, options: options { $0.curvature.dampingPolicy = .adaptive() })
        try optimizer.backward(model.loss(seed: 1))
        assertThrowsTorchError(try optimizer.step()) { assertContains("\($0)", "adaptive") }
        XCTAssertEqual(try optimizer.step { model.loss(seed: 1) }, .applied)
        assertThrowsTorchError(
            try FOP(
                model, learningRate: 0.1,
                options: options {
                    var rule = AdaptiveDamping()
                    rule.decay = 1
                    rule.interval = 0
                    $0.curvature.dampingPolicy = .adaptive(rule)
                })
        ) { for word in ["decay is 1", "interval is 0"] { assertContains("\($0)", word) } }
    }

    func testAdaptedDampingIsPartOfTheState() throws {
        let (model, other) = (SmallModel(), SmallModel())
        let options = options { $0.curvature.dampingPolicy = .adaptive() }
        let one = try FOP(model, learningRate: 300, options: options)
        try one.backward(model.loss(seed: 1))
        try one.step { model.loss(seed: 1) }
        let two = try FOP(other, learningRate: 300, options: options)
        try two.load(one.state)
        XCTAssertEqual(two.damping, one.damping)
        XCTAssertGreaterThan(two.damping, automaticDamping(batchSize: SmallModel.batchSize))
    }

    /// A schedule gives the run that the same numbers give when they are set by hand.
    func testScheduledDamping() throws {
        let scheduled = try train { model, options in
            var options = options
            options.curvature.dampingPolicy = .scheduled { pow(0.5, Double($0)) }
            return try FOP(model, learningRate: 0.1, options: options)
        }
        let model = SmallModel()
        let optimizer = try FOP(model, learningRate: 0.1, options: options { $0.weightDecay = 0.01 })
        for step in 0..<3 {
            optimizer.damping = automaticDamping(batchSize: SmallModel.batchSize) * pow(0.5, Double(step))
            try optimizer.backward(model.loss(seed: UInt64(step)))
            try optimizer.step()
        }
        assertIdentical(model.values, scheduled)
    }

    func testIntervalsThatDependOnTheStep() throws {
        let model = SmallModel()
        let optimizer = try FOP(
            model, learningRate: 0.1,
            options: options {
                $0.curvature.inverseInterval = .function { $0 < 3 ? 1 : 3 }
            })
        var inversions: [Int] = []
        for step in 0..<8 {
            try optimizer.backward(model.loss(seed: UInt64(step)))
            try optimizer.step()
            inversions.append(optimizer.inverseOutcomes.values.reduce(0, +) / 4)
        }
        XCTAssertEqual(inversions, [1, 2, 3, 3, 3, 4, 4, 4])
        XCTAssertEqual(Interval.function { _ in 0 }.steps(batchSize: 1, step: 1), 1)
    }

    /// At first after steps of twice the number, then about every 25,600 examples, 5 steps at least.
    func testAutomaticIntervals() throws {
        func updates(batchSize: Int, steps: Int) -> [Int] {
            var due = [0]
            for step in 1..<steps where step - due.last! >= Interval.automatic.steps(batchSize: batchSize, step: step) {
                due.append(step)
            }
            return due
        }
        XCTAssertEqual(updates(batchSize: 60_000, steps: 25), [0, 1, 2, 4, 8, 13, 18, 23])
        XCTAssertEqual(updates(batchSize: 2048, steps: 60), [0, 1, 2, 4, 8, 16, 29, 42, 55])
        XCTAssertEqual(updates(batchSize: 1, steps: 200), [0, 1, 2, 4, 8, 16, 32, 64, 128])
        let model = SmallModel()
        let optimizer = try FOP(model, learningRate: 0.1)
        var inversions: [Int] = []
        for step in 0..<9 {
            try optimizer.backward(model.loss(seed: UInt64(step)))
            try optimizer.step()
            inversions.append(optimizer.inverseOutcomes.values.reduce(0, +) / 4)
        }
        XCTAssertEqual(inversions, [1, 2, 3, 3, 4, 4, 4, 4, 5])
    }

    func testAutomaticDamping() throws {
        for (batchSize, damping) in [(1, 0.1), (400, 0.1), (4000, 0.01), (40_000, 0.001), (1_000_000, 0.001)] {
            XCTAssertEqual(automaticDamping(batchSize: batchSize), damping, accuracy: 1e-12)
        }
        let model = Linear(3, 2)
        let optimizer = try FOP(model, learningRate: 1e-3)
        func step(_ batchSize: Int) throws {
            try optimizer.backward(meanSquaredError(model(randomTensor([batchSize, 3], seed: 1)), Tensor.zeros([batchSize, 2])))
            try optimizer.step()
        }
        for batchSize in [1000, 2000] {
            try step(batchSize)
            XCTAssertEqual(optimizer.damping, 40 / Double(batchSize), accuracy: 1e-12)
        }
        // The batch that is left at the end of an epoch.
        try optimizer.backward(meanSquaredError(model(randomTensor([7, 3], seed: 1)), Tensor.zeros([7, 2])))
        XCTAssertEqual(optimizer.damping, 0.02, accuracy: 1e-12)
        try optimizer.step()
        XCTAssertEqual(try XCTUnwrap(optimizer.diagnostics).damping, 0.02, accuracy: 1e-12)
        XCTAssertEqual(optimizer.damping, 0.02, accuracy: 1e-12)
        try step(7)
        XCTAssertEqual(try XCTUnwrap(optimizer.diagnostics).damping, 0.02, accuracy: 1e-12)
        let resumed = try FOP(model, learningRate: 1e-3)
        try resumed.load(optimizer.state)
        XCTAssertEqual(resumed.damping, 0.02, accuracy: 1e-12)
        // It is the one that the same number gives.
        try step(2000)
        let explicit = try FOP(model, learningRate: 1e-3, damping: 0.02)
        try explicit.load(optimizer.state)
        XCTAssertEqual(explicit.damping, 0.02, accuracy: 1e-12)
    }

    /// What was asked for decides, not what the rule gives.
    func testTheDampingThatWasSetStays() throws {
        func weights(_ damping: Double?) throws -> [Tensor] {
            let model = SmallModel()
            let optimizer = try FOP(
                model, learningRate: 0.1, options: options { $0.curvature.damping = damping })
            for step in 0..<3 {
                try optimizer.backward(model.loss(seed: UInt64(step)))
                try optimizer.step()
            }
            return model.values
        }
        let automatic = try weights(nil)
        assertIdentical(automatic, try weights(automaticDamping(batchSize: SmallModel.batchSize)))
        XCTAssertFalse(zip(automatic, try weights(0.01)).allSatisfy { $0.elementsEqual($1).all().item(as: Bool.self) })
    }
}
