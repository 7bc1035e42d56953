import Foundation
import TestSupport
import Training
import XCTest

/// A run that is interrupted, and what becomes of it.
final class InterruptionTests: CommandTestCase {
    private let epochs = 20

    /// Starts a run and waits for the row of its first epoch.
    private func start(_ home: String, optimizer: String = "sgd") throws -> RunningCommand {
        let run = try RunningCommand(
            Command.tinyTraining(home, epochs: epochs, ["--optimizer", optimizer, "--augment", "crop,flip"]))
        run.wait(for: "\n    1  ")
        return run
    }

    func testCtrlCSavesACheckpointFromWhichTheRunGoesOnAsIfNothingHadBeen() throws {
        let (home, whole) = (directory.file("stopped"), directory.file("whole"))
        let run = try start(home, optimizer: "fop")
        run.send(SIGINT)
        let end = run.end()
        XCTAssertFalse(end.signaled)
        XCTAssertEqual(end.status, ExitStatus.interrupted.rawValue)
        assertContains(run.errors, "stopping after this step")
        let command = "\(Command.path) train --resume \(home)"
        assertContains(run.output, "Stopped in epoch ")
        assertContains(run.output, "  \(command)\n")
        let stopped = try CheckpointHeader(path: home + "/checkpoint.safetensors").progress
        XCTAssertLessThan(stopped.epoch, epochs)

        // The printed command as a shell takes it.
        let resumed = try runProcess("/bin/sh", ["-c", command])
        XCTAssertEqual(resumed.status, 0, resumed.errors)
        XCTAssertEqual(
            try Command.run(
                Command.tinyTraining(whole, epochs: epochs, ["--optimizer", "fop", "--augment", "crop,flip"])
            ).status, 0)
        let runs = try [home, whole].map { try Checkpoint(path: $0 + "/checkpoint.safetensors") }
        assertIdentical(runs[0].tensors, runs[1].tensors)
        XCTAssertEqual(runs[0].header.progress.history.count, epochs)
        XCTAssertEqual(
            runs[0].header.progress.history.map(\.trainLoss), runs[1].header.progress.history.map(\.trainLoss))
        XCTAssertEqual(
            runs[0].header.progress.history.map(\.testAccuracy), runs[1].header.progress.history.map(\.testAccuracy))
        let rows = try String(contentsOfFile: home + "/metrics.csv", encoding: .utf8).split(separator: "\n")
        XCTAssertEqual(rows.count, epochs + 1)
    }

    func testTermination() throws {
        let home = directory.file("run")
        let run = try start(home)
        run.send(SIGTERM)
        let end = run.end()
        XCTAssertFalse(end.signaled)
        XCTAssertEqual(end.status, ExitStatus.terminated.rawValue)
        assertContains(run.output, "--resume")
        XCTAssertNoThrow(try Checkpoint(path: home + "/checkpoint.safetensors"))
    }

    func testTheSecondCtrlCEndsAtOnce() throws {
        let home = directory.file("run")
        // Steps that take seconds.
        let run = try RunningCommand([
            "train", "--dataset", "shapes", "--model", "resnet", "--optimizer", "sgd", "--examples", "6000",
            "--batch-size", "6000", "--epochs", "9", "--threads", "1", "--output", home,
        ])
        run.wait(for: "output in")
        usleep(200_000)
        run.send(SIGINT)
        usleep(400_000)
        run.send(SIGINT)
        let begin = Date()
        XCTAssertEqual(run.end().status, ExitStatus.interrupted.rawValue)
        XCTAssertLessThan(Date().timeIntervalSince(begin), 0.5)
        XCTAssertFalse(run.output.contains("Stopped"), run.output)
        XCTAssertFalse(FileManager.default.fileExists(atPath: home + "/checkpoint.safetensors"))
    }

    func testKillingLeavesAReadableCheckpointAndMetrics() throws {
        let home = directory.file("run")
        let run = try start(home)
        run.send(SIGKILL)
        XCTAssertTrue(run.end().signaled)
        let checkpoint = try Checkpoint(path: home + "/checkpoint.safetensors")
        XCTAssertGreaterThanOrEqual(checkpoint.header.progress.epoch, 1)
        let rows = try String(contentsOfFile: home + "/metrics.csv", encoding: .utf8).split(separator: "\n")
        XCTAssertGreaterThanOrEqual(rows.count, 2)
        XCTAssertTrue(rows.allSatisfy { $0.split(separator: ",").count == 11 })
        assertContains(try String(contentsOfFile: home + "/run.json", encoding: .utf8), "\"status\" : \"running\"")

        let more = "\(checkpoint.header.progress.epoch + 1)"
        let resumed = try Command.run(["train", "--resume", home, "--epochs", more, "--threads", "2"])
        XCTAssertEqual(resumed.status, 0, resumed.errors)
        assertContains(resumed.errors, "warning: the run was on cpu with 1 thread")
        XCTAssertEqual(try CheckpointHeader(path: home + "/checkpoint.safetensors").progress.epoch, Int(more))
    }

    func testAFinishedRunStaysAsItIs() throws {
        let home = directory.file("run")
        XCTAssertEqual(try Command.run(Command.tinyTraining(home, epochs: 1)).status, 0)
        let before = try Checkpoint(path: home + "/checkpoint.safetensors")
        let again = try Command.run(["train", "--resume", home])
        XCTAssertEqual(again.status, 0, again.errors)
        assertContains(again.output, "after 1 epoch and ")
        assertIdentical(try Checkpoint(path: home + "/checkpoint.safetensors").tensors, before.tensors)
    }
}
