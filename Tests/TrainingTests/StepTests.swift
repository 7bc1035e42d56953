import FOP
import TestSupport
import Torch
import Training
import XCTest

/// What a step of a run does besides the optimizer's own.
final class StepTests: XCTestCase {
    /// Without batch normalisation, whose statistics are those of a micro-batch.
    private func settings(
        _ kind: OptimizerKind = .sgd, _ change: (inout TrainingSettings) -> Void = { _ in }
    ) -> TrainingSettings {
        tinySettings(kind) { settings in
            (settings.model, settings.epochs) = ("mlp", 1)
            settings.augmentation = AugmentationSettings()
            change(&settings)
        }
    }

    private func weights(_ settings: TrainingSettings) throws -> [Tensor] {
        let trainer = try makeTrainer(settings)
        _ = try trainer.run()
        return trainer.session.model.parameters.map { $0.value.detached() }
    }

    private func assertSame(_ one: [Tensor], _ other: [Tensor], _ name: String) {
        for (a, b) in zip(one, other) { XCTAssertLessThan(relativeDifference(a, b), 2e-4, name) }
    }

    /// Several parts of a batch give the whole batch's step, also where they are not of one size. FOP's sub-batches must
    /// be the same.
    func testMicroBatches() throws {
        for kind in [OptimizerKind.sgd, .fop, .kfac] {
            let whole = try weights(settings(kind))
            for count in kind == .fop ? [2] : [2, 3, 5, 16] {
                assertSame(try weights(settings(kind) { $0.microBatches = count }), whole, "\(kind), \(count)")
            }
        }
        let other = try weights(settings(.fop) { $0.microBatches = 3 })
        XCTAssertGreaterThan(
            relativeDifference(other[0], try weights(settings(.fop))[0]), 1e-5, "the parts are the sub-batches")
    }

    func testClipping() throws {
        let start = try weights(settings { $0.optimizer.learningRate = 1e-30 })
        let clipped = try weights(
            settings {
                $0.clipNorm = 1e-3
                ($0.optimizer.momentum, $0.optimizer.weightDecay, $0.schedule.shape) = (0, 0, .constant)
            })
        let moved = zip(start, clipped).map { ($1 - $0).squared().sum().item(as: Double.self) }.reduce(0, +).squareRoot()
        // Four steps of length 0.05 * 1e-3 at most.
        XCTAssertLessThanOrEqual(moved, 4 * 0.05 * 1e-3 * 1.001)
        XCTAssertGreaterThan(moved, 1e-5)
    }

    func testHalfPrecisionIsCloseToSingle() throws {
        for kind in [OptimizerKind.sgd, .fop, .kfac] {
            let single = try weights(settings(kind))
            for precision in [Precision.bfloat16, .float16] {
                let half = try weights(settings(kind) { $0.precision = precision })
                XCTAssertEqual(half[0].dtype, .float32)
                let difference = relativeDifference(half[0], single[0])
                XCTAssertGreaterThan(difference, 0, "\(kind), \(precision)")
                XCTAssertLessThan(difference, 0.1, "\(kind), \(precision)")
            }
        }
    }

    /// Evaluated and kept are the averages; trained on are the weights themselves.
    func testAveragedWeights() throws {
        let settings = settings { ($0.model, $0.weightAverage, $0.epochs) = ("cnn", 0.9, 2) }
        let directory = try TemporaryDirectory()
        let run = try TrainingRun(try makeTrainer(settings), in: RunDirectory(directory.file("run")))
        let trainer = run.trainer
        let average = try XCTUnwrap(trainer.session.average)
        var best: [String: Tensor] = [:]
        _ = try run.watch { event in
            if case .epoch(_, isBest: true) = event { best = copies(of: average.state) }
        }
        let plain = try makeTrainer(self.settings { ($0.model, $0.epochs) = ("cnn", 2) })
        _ = try plain.run()
        assertIdentical(trainer.session.model.state, plain.session.model.state)
        XCTAssertNotEqual(trainer.progress.history[1].testLoss, plain.progress.history[1].testLoss)
        XCTAssertEqual(average.updateCount, 8)
        let saved = try SafetensorsFile.read(run.directory.weights).tensors
        XCTAssertEqual(Set(saved.keys), Set(trainer.session.model.state.keys))
        for (name, tensor) in saved { assertIdentical(tensor, best["average.\(name)"]!, name) }
    }

    func testTheRunEndsAfterSoManySkippedSteps() throws {
        let trainer = try makeTrainer(
            settings(.adamw) {
                ($0.optimizer.learningRate, $0.schedule.shape, $0.epochs, $0.maximumSkippedSteps) = (1e30, .constant, 5, 3)
            })
        assertThrows(.diverged, "3 steps in a row", "learning rate") { try trainer.run() }
    }

    /// Adapting the damping computes the loss again, which must not count as training.
    func testAdaptedDampingLeavesRunningStatistics() throws {
        func statistics(_ policy: DampingRule) throws -> Tensor {
            let trainer = try makeTrainer(
                tinySettings(.fop) {
                    $0.epochs = 1
                    $0.optimizer.learningRate = 1e-30
                    $0.optimizer.curvature?.dampingPolicy = policy
                    $0.optimizer.curvature?.adaptive.interval = 1
                })
            _ = try trainer.run()
            return try XCTUnwrap(trainer.session.model.state["features.1.running_mean"])
        }
        assertIdentical(try statistics(.adaptive), try statistics(.fixed))
    }
}
