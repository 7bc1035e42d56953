import Foundation
import TestSupport
import Torch
import Training
import XCTest

final class TrainingRunTests: XCTestCase {
    private var directory: TemporaryDirectory!
    override func setUpWithError() throws { directory = try TemporaryDirectory() }
    override func tearDown() { directory = nil }

    private var home: RunDirectory { RunDirectory(directory.file("a/run")) }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    private func rows(_ path: String) throws -> [[String]] {
        try text(path).split(separator: "\n").map { $0.split(separator: ",").map(String.init) }
    }

    private func object(_ text: some StringProtocol) throws -> [String: Any] {
        try XCTUnwrap(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    func testARunLeavesItsFiles() throws {
        let run = try TrainingRun(try makeTrainer(tinySettings { $0.epochs = 2 }), in: home, command: ["fop", "train"])
        XCTAssertEqual(try run.run(), .epochsDone)
        XCTAssertEqual(
            try FileManager.default.contentsOfDirectory(atPath: home.path).sorted(),
            ["checkpoint.safetensors", "metrics.csv", "metrics.jsonl", "model.safetensors", "run.json", "train.log"])

        let history = run.trainer.progress.history
        let rows = try rows(home.metricsCSV)
        XCTAssertEqual(
            rows[0],
            [
                "epoch", "steps", "train_loss", "test_loss", "test_accuracy", "learning_rate", "epoch_seconds",
                "examples_per_second", "training_seconds", "total_seconds", "skipped_steps",
            ])
        XCTAssertEqual(rows.count, 3)
        let lines = try text(home.metricsJSONLines).split(separator: "\n")
        XCTAssertEqual(lines.count, 2)
        for (record, (row, line)) in zip(history, zip(rows.dropFirst(), lines)) {
            XCTAssertEqual(row[0], "\(record.epoch)")
            // Shortest texts that give the number back bit for bit.
            XCTAssertEqual(Double(row[2]), record.trainLoss)
            XCTAssertEqual(Double(row[4]), record.testAccuracy)
            XCTAssertEqual(Double(row[8]), record.trainingSeconds)
            let object = try object(line)
            XCTAssertEqual(Set(object.keys), Set(rows[0]))
            XCTAssertEqual(object["test_loss"] as? Double, record.testLoss)
        }

        let record = try object(try text(home.record))
        XCTAssertEqual(record["status"] as? String, "finished")
        XCTAssertEqual(record["fop"] as? String, FOPVersion.current)
        XCTAssertEqual(record["libtorch"] as? String, TorchRuntime.version)
        XCTAssertEqual(record["command"] as? [String], ["fop", "train"])
        XCTAssertEqual(record["epochs"] as? Int, 2)
        let settings = try XCTUnwrap(record["settings"] as? [String: Any])
        XCTAssertEqual(settings["seed"] as? Int, 0)
        XCTAssertEqual(settings["threads"] as? Int, 1)
        assertContains(try text(home.log), "info: epoch 2: train loss \(history[1].trainLoss)")
    }

    func testTrainingTimeIsWithoutEvaluation() throws {
        let run = try TrainingRun(try makeTrainer(tinySettings { $0.epochs = 2 }), in: home)
        _ = try run.watch { event in
            if case .evaluating = event { Thread.sleep(forTimeInterval: 0.2) }
        }
        let last = run.trainer.progress.history[1]
        XCTAssertGreaterThan(last.totalSeconds, last.trainingSeconds + 0.4)
        XCTAssertEqual(
            last.trainingSeconds, run.trainer.progress.history.reduce(0) { $0 + $1.seconds }, accuracy: 1e-9)
        XCTAssertEqual(last.examplesPerSecond, 60 / last.seconds, accuracy: 1e-6)
    }

    func testTheBestWeightsAreKept() throws {
        let run = try TrainingRun(try makeTrainer(tinySettings { $0.epochs = 3 }), in: home)
        var best: [String: Tensor] = [:]
        _ = try run.watch { event in
            if case .epoch(_, isBest: true) = event { best = copies(of: run.trainer.session.model.state) }
        }
        let (tensors, metadata) = try SafetensorsFile.read(home.weights)
        assertIdentical(tensors, best)
        XCTAssertEqual(metadata["epoch"], "\(try XCTUnwrap(run.trainer.progress.best).epoch)")
        XCTAssertEqual(metadata["model"], "cnn")
    }

    func testAStoppedRunGoesOnInItsFolder() throws {
        let settings = tinySettings()
        let stop = StopAfter(10)
        let first = try TrainingRun(try makeTrainer(settings), in: home)
        XCTAssertEqual(try first.run(isStopped: { stop() }), .stopped)
        XCTAssertEqual(try rows(home.metricsCSV).count, 2)
        XCTAssertEqual(try object(try text(home.record))["status"] as? String, "stopped")

        let trainer = try makeTrainer(settings)
        try trainer.restore(try Checkpoint(path: home.checkpoint), from: home.checkpoint)
        let second = try TrainingRun(trainer, in: home, isResumed: true)
        XCTAssertEqual(try second.run(), .epochsDone)
        XCTAssertEqual(try rows(home.metricsCSV).map(\.[0]), ["epoch", "1", "2", "3"])
        XCTAssertEqual(try text(home.metricsJSONLines).split(separator: "\n").count, 3)
        // The log goes on, the first run's lines stay.
        XCTAssertEqual(try text(home.log).components(separatedBy: "info: settings:").count, 3)
        XCTAssertEqual(try object(try text(home.record))["status"] as? String, "finished")
    }

    func testRowsAfterTheLastCheckpointGoWhenResuming() throws {
        let settings = tinySettings { $0.checkpointEvery = 2 }
        struct Killed: Error {}
        let first = try TrainingRun(try makeTrainer(settings), in: home)
        XCTAssertThrowsError(
            try first.watch { event in
                if case .epoch(let record, _) = event, record.epoch == 3 { throw Killed() }
            })
        XCTAssertEqual(try rows(home.metricsCSV).count, 4)
        XCTAssertEqual(try object(try text(home.record))["status"] as? String, "failed")
        let trainer = try makeTrainer(settings)
        try trainer.restore(try Checkpoint(path: home.checkpoint), from: home.checkpoint)
        XCTAssertEqual(trainer.progress.epoch, 2)
        let second = try TrainingRun(trainer, in: home, isResumed: true)
        XCTAssertEqual(try rows(home.metricsCSV).count, 3)
        _ = try second.run()
        XCTAssertEqual(try rows(home.metricsCSV).map(\.[0]), ["epoch", "1", "2", "3"])
    }

    func testADivergedRunKeepsTheLastCheckpointAndSaysWhy() throws {
        let run = try TrainingRun(
            try makeTrainer(
                tinySettings {
                    ($0.batchSize, $0.epochs) = (4, 5)
                    $0.optimizer.learningRate = 1e30
                    $0.schedule.shape = .constant
                }), in: home)
        assertThrows(.diverged, "learning rate") { try run.run() }
        let checkpoint = try Checkpoint(path: home.checkpoint)
        XCTAssertEqual(checkpoint.header.progress.epoch, 1)
        let record = try object(try text(home.record))
        XCTAssertEqual(record["status"] as? String, "failed")
        assertContains(try XCTUnwrap(record["failure"] as? String), "learning rate")
        assertContains(try text(home.log), "warning: ")
        // Not a number in one file, null in the other.
        let row = try rows(home.metricsCSV)[1]
        XCTAssertTrue(try XCTUnwrap(Double(row[3])).isNaN, row[3])
        XCTAssertTrue(try object(try text(home.metricsJSONLines))["test_loss"] is NSNull)
        XCTAssertGreaterThan(try XCTUnwrap(Int(row[10])), 0)
    }

    func testFoldersThatCannotBeUsedAreFoundAtOnce() throws {
        try directory.write("file", [])
        let trainer = try makeTrainer(tinySettings())
        for path in ["file", "file/below", "file/below/that"] {
            assertThrows(.cannotCreateOutput, directory.file("file"), "not a folder") {
                try TrainingRun(trainer, in: RunDirectory(self.directory.file(path)))
            }
        }
        try FileManager.default.createDirectory(atPath: directory.file("b/metrics.csv"), withIntermediateDirectories: true)
        assertThrows(.cannotCreateOutput, "metrics.csv", "s a directory") {
            try TrainingRun(trainer, in: RunDirectory(self.directory.file("b")))
        }
    }

    func testAFolderWithARunIsNotOverwritten() throws {
        _ = try TrainingRun(try makeTrainer(tinySettings { $0.epochs = 1 }), in: home).run()
        let trainer = try makeTrainer(tinySettings())
        assertThrows(.cannotCreateOutput, home.path, "--resume") { try TrainingRun(trainer, in: self.home) }
        XCTAssertEqual(try rows(home.metricsCSV).count, 2)
    }
}
