import TestSupport
import Torch
import Training
import XCTest

final class TrainerTests: XCTestCase {
    func testARunWithASeedRepeatsBitForBit() throws {
        for kind in OptimizerKind.allCases {
            let runs = try (0..<2).map { _ in
                let trainer = try makeTrainer(tinySettings(kind) { $0.epochs = 2 })
                _ = try trainer.run()
                return (copies(of: trainer.checkpoint.tensors), results(trainer.progress))
            }
            assertIdentical(runs[0].0, runs[1].0, kind.rawValue)
            XCTAssertEqual(runs[0].1, runs[1].1, kind.rawValue)
        }
    }

    func testAnotherSeedIsAnotherRun() throws {
        let losses = try [UInt64(0), 1].map { seed in
            let trainer = try makeTrainer(tinySettings { ($0.epochs, $0.seed) = (1, seed) })
            _ = try trainer.run()
            return trainer.progress.history[0].trainLoss
        }
        XCTAssertNotEqual(losses[0], losses[1])
    }

    func testTrainingLearns() throws {
        for kind in OptimizerKind.allCases {
            let trainer = try makeTrainer(
                tinySettings(kind) {
                    ($0.examples, $0.batchSize, $0.epochs) = (200, 20, 3)
                    $0.augmentation = AugmentationSettings()
                    $0.optimizer.learningRate = kind == .sgd ? 0.1 : 0.02
                })
            XCTAssertEqual(try trainer.run(), .epochsDone)
            let losses = trainer.progress.history.map(\.trainLoss)
            XCTAssertLessThan(losses[2], losses[0], "\(kind): \(losses)")
        }
    }

    func testTheTargetEndsARun() throws {
        let trainer = try makeTrainer(tinySettings { $0.target = 0.01 })
        XCTAssertEqual(try trainer.run(), .targetReached)
        XCTAssertEqual(trainer.progress.epoch, 1)
        XCTAssertEqual(trainer.progress.reached(0.01)?.epoch, 1)
        // It stays reached.
        XCTAssertEqual(try trainer.run(), .targetReached)
        XCTAssertEqual(trainer.progress.epoch, 1)
    }

    func testStepsAreReported() throws {
        let trainer = try makeTrainer(tinySettings { $0.epochs = 2 })
        var steps: [StepReport] = []
        var epochs: [Int] = []
        _ = try trainer.watch { event in
            switch event {
            case .step(let step): steps.append(step)
            case .epoch(let record, let isBest):
                epochs.append(record.epoch)
                if record.epoch == 1 { XCTAssertTrue(isBest) }
            case .evaluating, .diagnostics: break
            }
        }
        XCTAssertEqual(epochs, [1, 2])
        XCTAssertEqual(steps.map(\.step), [1, 2, 3, 4, 1, 2, 3, 4])
        XCTAssertEqual(steps.map(\.epoch), [1, 1, 1, 1, 2, 2, 2, 2])
        XCTAssertTrue(steps.allSatisfy { $0.steps == 4 && $0.epochs == 2 && $0.examplesPerSecond > 0 })
        XCTAssertEqual(steps[3].secondsLeft, 0)
        XCTAssertEqual(trainer.progress.history.map(\.steps), [4, 8])
        XCTAssertEqual(steps[3].loss, trainer.progress.history[0].trainLoss)
    }

    func testTheLossIsTheMeanOverExamples() throws {
        let settings = tinySettings { ($0.epochs, $0.optimizer.learningRate, $0.optimizer.weightDecay) = (1, 1e-30, 0) }
        let trainer = try makeTrainer(settings)
        _ = try trainer.run()
        // With steps this small every batch meets the same weights, in training mode.
        let session = try TrainingSession(settings)
        let batches = try session.train.batches(epoch: 0)
        var sum = 0.0
        while let batch = try batches.next() {
            sum += withoutGradients {
                crossEntropy(session.model(batch.images), batch.labels).item(as: Double.self) * Double(batch.count)
            }
        }
        XCTAssertEqual(trainer.progress.history[0].trainLoss, sum / 60, accuracy: 1e-6)
    }

    func testDivergenceEndsTheRunWithAdvice() throws {
        let trainer = try makeTrainer(
            tinySettings {
                ($0.batchSize, $0.epochs) = (2, 3)
                $0.optimizer.learningRate = 1e30
                $0.schedule.shape = .constant
            })
        var skipped = 0
        assertThrows(.diverged, "learning rate") {
            try trainer.watch { event in
                if case .step(let step) = event { skipped = step.skippedSteps }
            }
        }
        XCTAssertGreaterThan(skipped, 5)
        XCTAssertEqual(trainer.progress.skippedSteps, skipped)
    }

    func testBatchesThatTheDataDoesNotFillAreNamed() throws {
        assertThrows(.usage, "--batch-size is 61", "from 1 to 60") { try makeTrainer(tinySettings { $0.batchSize = 61 }) }
        assertThrows(.usage, "--batch-size is 1", "from 2 to 60") { try makeTrainer(tinySettings(.fop) { $0.batchSize = 1 }) }
    }

    func testEveryBlockTrains() throws {
        for block in BlockChoice.allCases {
            let trainer = try makeTrainer(
                tinySettings(.fop) {
                    ($0.examples, $0.batchSize, $0.epochs) = (200, 20, 2)
                    $0.augmentation = AugmentationSettings()
                    $0.optimizer.curvature?.block = block
                })
            _ = try trainer.run()
            let losses = trainer.progress.history.map(\.trainLoss)
            XCTAssertLessThan(losses[1], losses[0], "\(block): \(losses)")
            XCTAssertEqual(trainer.progress.skippedInAll, 0, "\(block)")
        }
    }

    func testEveryModelTakesAStepWithEveryOptimizer() throws {
        for model in ["mlp", "cnn", "resnet", "vit"] {
            for kind in OptimizerKind.allCases {
                let trainer = try makeTrainer(
                    tinySettings(kind) { ($0.model, $0.examples, $0.batchSize, $0.epochs) = (model, 16, 8, 1) })
                _ = try trainer.run()
                XCTAssertTrue(trainer.progress.history[0].trainLoss.isFinite, "\(model), \(kind)")
                XCTAssertEqual(trainer.progress.skippedInAll, 0, "\(model), \(kind)")
            }
        }
    }
}
