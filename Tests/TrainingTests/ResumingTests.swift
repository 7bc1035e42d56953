import TestSupport
import Torch
import Training
import XCTest

/// A run that is stopped, saved and resumed gives bit for bit what it gives without the stop.
final class ResumingTests: XCTestCase {
    private func check(
        _ kind: OptimizerKind, stopAfter questions: [Int], line: UInt = #line,
        _ change: (inout TrainingSettings) -> Void = { _ in }
    ) throws {
        let settings = tinySettings(kind) { settings in
            settings.epochs = 2
            change(&settings)
        }
        let whole = try makeTrainer(settings)
        XCTAssertEqual(try whole.run(), .epochsDone, line: line)
        let expected = copies(of: whole.checkpoint.tensors)
        for count in questions {
            try withTemporaryDirectory { directory in
                let path = directory + "/checkpoint.safetensors"
                let stop = StopAfter(count)
                let first = try makeTrainer(settings)
                XCTAssertEqual(try first.run(isStopped: { stop() }), .stopped, line: line)
                try first.checkpoint.write(to: path)
                let place = "\(kind), stopped in epoch \(first.progress.epoch) after step \(first.progress.step)"
                // Anything that drew numbers in between must not matter.
                Generator.default.seed(99)

                let header = try CheckpointHeader(path: path)
                let second = try makeTrainer(try TrainingRequest().settings(over: header.settings, checkpoint: path))
                try second.restore(try Checkpoint(path: path), from: path)
                XCTAssertEqual(second.progress, first.progress, place, line: line)
                assertIdentical(second.checkpoint.tensors, copies(of: first.checkpoint.tensors), place, line: line)
                XCTAssertEqual(try second.run(), .epochsDone, place, line: line)
                assertIdentical(second.checkpoint.tensors, expected, place, line: line)
                XCTAssertEqual(results(second.progress), results(whole.progress), place, line: line)
            }
        }
    }

    // `isStopped` is asked before every step, after the last one, and after every batch of evaluation: 7 times an
    // epoch. 0 is before the first step, 2 within the first epoch, 5 after its last step, 10 within the second epoch.
    func testFOP() throws { try check(.fop, stopAfter: [0, 2, 5, 10]) }
    func testKFAC() throws { try check(.kfac, stopAfter: [2, 10]) }
    func testSGD() throws { try check(.sgd, stopAfter: [2, 5, 10]) }
    func testAdamW() throws { try check(.adamw, stopAfter: [2, 10]) }

    func testTheOtherOptimizers() throws {
        for kind in [OptimizerKind.lamb, .shampoo, .soap, .muon] {
            try check(kind, stopAfter: [10]) {
                $0.optimizer.matrixInterval = $0.optimizer.matrixInterval.map { _ in 2 }
            }
        }
    }

    /// Averaged weights, the loss scale, adapted and scheduled damping, and what a plateau knows.
    func testWhatElseARunKeeps() throws {
        try check(.fop, stopAfter: [2, 10]) {
            ($0.weightAverage, $0.precision, $0.microBatches, $0.clipNorm) = (0.8, .float16, 2, 1)
            $0.optimizer.curvature?.dampingPolicy = .adaptive
            $0.optimizer.curvature?.adaptive.interval = 2
            $0.schedule.shape = .plateau
            $0.schedule.patience = 0
        }
        try check(.fop, stopAfter: [10]) {
            $0.precision = .bfloat16
            $0.optimizer.curvature?.dampingPolicy = .scheduled
            $0.optimizer.curvature?.fisher = .monteCarlo
            $0.optimizer.curvature?.subBatches = 3
        }
    }

    /// Another order in memory, which a file does not keep.
    func testChannelsLast() throws {
        try check(.fop, stopAfter: [2]) { ($0.model, $0.examples) = ("resnet", 32) }
    }

    func testTheGeneratorGoesOnWhereItWas() throws {
        let trainer = try makeTrainer(tinySettings())
        _ = Tensor.uniform([3])
        let checkpoint = Checkpoint.copy(of: trainer.checkpoint)
        let expected = Tensor.uniform([5])
        Generator.default.seed(7)
        try trainer.restore(checkpoint, from: "here")
        assertIdentical(Tensor.uniform([5]), expected)
    }

    func testMoreEpochsCanBeAdded() throws {
        let trainer = try makeTrainer(tinySettings { $0.epochs = 1 })
        _ = try trainer.run()
        var request = TrainingRequest()
        request["--epochs"] = "2"
        let more = try makeTrainer(try request.settings(over: trainer.session.settings))
        try more.restore(trainer.checkpoint, from: "here")
        XCTAssertEqual(try more.run(), .epochsDone)
        XCTAssertEqual(more.progress.history.map(\.epoch), [1, 2])
    }
}

extension Checkpoint {
    /// One that training on does not change.
    static func copy(of checkpoint: Checkpoint) -> Checkpoint {
        var copy = checkpoint
        copy.tensors = copies(of: checkpoint.tensors)
        return copy
    }
}
