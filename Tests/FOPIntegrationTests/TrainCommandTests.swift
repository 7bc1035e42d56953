import Foundation
import TestSupport
import Torch
import Training
import XCTest

final class TrainCommandTests: CommandTestCase {
    private func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    func testARunOnShapes() throws {
        let home = directory.file("run")
        let result = try Command.run([
            "train", "--dataset", "shapes", "--model", "mlp", "--epochs", "2", "--examples", "200", "--batch-size",
            "50", "--threads", "1", "--output", home,
        ])
        XCTAssertEqual(result.status, 0, result.errors)
        XCTAssertEqual(result.errors, "")
        let lines = result.output.split(separator: "\n").map(String.init)
        assertContains(result.output, "mlp, 109,386 parameters; shapes, 200 training and 200 test images")
        assertContains(result.output, "output in \(home)")
        // A table that lines up.
        let header = try XCTUnwrap(lines.firstIndex { $0.hasPrefix("epoch") })
        XCTAssertEqual(
            lines[header], "epoch  train loss   test loss  test acc.  learn. rate   seconds  examples/s")
        for (epoch, row) in [1: lines[header + 1], 2: lines[header + 2]] {
            XCTAssertEqual(row.count, lines[header].count, row)
            XCTAssertTrue(row.hasPrefix("    \(epoch)"), row)
        }
        for name in ["checkpoint.safetensors", "model.safetensors", "metrics.csv", "metrics.jsonl", "run.json", "train.log"] {
            assertContains(result.output, "\(home)/\(name)")
            XCTAssertTrue(FileManager.default.fileExists(atPath: "\(home)/\(name)"), name)
        }
        assertContains(result.output, "after 2 epochs and ")
        XCTAssertEqual(try self.lines("\(home)/metrics.csv").count, 3)
        XCTAssertEqual(try Checkpoint(path: "\(home)/checkpoint.safetensors").header.progress.epoch, 2)
    }

    func testEveryOptimizerAndTheTarget() throws {
        for kind in OptimizerKind.allCases {
            let home = directory.file(kind.rawValue)
            let result = try Command.run(
                Command.tinyTraining(home, epochs: 2, ["--optimizer", kind.rawValue, "--target", "0.1%", "--require-target"]))
            XCTAssertEqual(result.status, 0, result.errors)
            assertContains(result.output, "target 0.10 % reached after 1 epoch")
        }
    }

    func testAMissedTarget() throws {
        let arguments = Command.tinyTraining(directory.file("a"), epochs: 1, ["--target", "100%"])
        let result = try Command.run(arguments)
        XCTAssertEqual(result.status, 0)
        assertContains(result.output, "The target of 100.00 % was not reached: best test accuracy ")
        let strict = try Command.run(
            Command.tinyTraining(directory.file("b"), epochs: 1, ["--target", "100%", "--require-target"]))
        XCTAssertEqual(strict.status, ExitStatus.targetMissed.rawValue)
    }

    func testTheSameSeedGivesTheSameRun() throws {
        let homes = ["a", "b"].map { directory.file($0) }
        for home in homes { XCTAssertEqual(try Command.run(Command.tinyTraining(home, ["--optimizer", "fop", "--seed", "5"])).status, 0) }
        let runs = try homes.map { try Checkpoint(path: "\($0)/checkpoint.safetensors") }
        assertIdentical(runs[0].tensors, runs[1].tensors)
        XCTAssertEqual(runs[0].header.settings, runs[1].header.settings)
    }

    func testTheDefaultFolderIsNamedAfterTheRun() throws {
        // As from a shell in that folder.
        let result = try runProcess(
            "/bin/sh",
            [
                "-c", "cd \"$1\" && exec \"$2\" train --dataset shapes --model mlp --optimizer sgd --examples 20 --batch-size 10 --epochs 1",
                "sh", directory.path, Command.path,
            ])
        XCTAssertEqual(result.status, 0, result.errors)
        let runs = try FileManager.default.contentsOfDirectory(atPath: directory.file("runs"))
        XCTAssertEqual(runs.count, 1)
        XCTAssertNotNil(runs[0].wholeMatch(of: /\d{8}-\d{6}-mlp-sgd/), runs[0])
    }

    func testIDXFiles() throws {
        try writeIDXFiles(images: 40, in: directory)
        let result = try Command.run([
            "train", "--data", directory.path, "--model", "mlp", "--optimizer", "sgd", "--batch-size", "20", "--epochs", "1",
            "--output", directory.file("run"),
        ])
        XCTAssertEqual(result.status, 0, result.errors)
        assertContains(result.output, "fashion-mnist, 40 training and 40 test images")
        // Where they were found is part of the record, from the root.
        let settings = try CheckpointHeader(path: directory.file("run/checkpoint.safetensors")).settings
        XCTAssertEqual(settings.dataDirectory, directory.path)
    }

    /// Steps that change nothing are counted, warned of and summed up, and the run goes on.
    func testSkippedStepsAreReported() throws {
        let result = try Command.run(
            Command.tinyTraining(
                directory.file("run"), epochs: 2, ["--learning-rate", "1e30", "--schedule", "constant", "--max-skipped", "100"]))
        XCTAssertEqual(result.status, 0, result.errors)
        let warnings = result.errors.split(separator: "\n")
        XCTAssertGreaterThan(warnings.count, 1)
        for (index, line) in warnings.enumerated() {
            assertContains(String(line), "fop: warning: epoch ")
            assertContains(String(line), "the step changed nothing (\(index + 1) skipped step")
        }
        assertContains(
            result.output, "\(warnings.count) steps changed nothing: loss, gradients or statistics were not finite.")
    }

    /// A table per epoch whose columns line up, the noise scale in words, and files for plots.
    func testDiagnostics() throws {
        let home = directory.file("run")
        let result = try Command.run(
            Command.tinyTraining(home, epochs: 2, ["--optimizer", "fop", "--diagnostics"]))
        XCTAssertEqual(result.status, 0, result.errors)
        let lines = result.output.split(separator: "\n").map(String.init)
        let starts = lines.indices.filter { lines[$0].hasPrefix("what step ") }
        XCTAssertEqual(starts.count, 2, result.output)
        for (start, step) in zip(starts, [4, 8]) {
            assertContains(lines[start], "what step \(step) found: damping 0.1, trust region times ")
            let table = lines[start + 1..<start + 9]
            XCTAssertEqual(Set(table.map(\.count)).count, 1, table.joined(separator: "\n"))
            XCTAssertTrue(lines[start + 1].hasPrefix("  layer "))
            for title in [" s ", " beta ", " eta ", " corr. ", " KL norm ", " base ", " cross ", " orth."] {
                assertContains(lines[start + 1], title)
            }
            XCTAssertTrue(lines[start + 2].hasPrefix("  features.0 "))
            assertContains(lines[start + 9], "inverses so far: ")
            assertContains(lines[start + 9], " by cholesky; skipped steps: 0")
            XCTAssertTrue(lines[start + 10].hasPrefix("gradient noise scale"), lines[start + 10])
        }
        for name in ["csv", "jsonl"] { assertContains(result.output, "\(home)/diagnostics.\(name)") }
        XCTAssertEqual(try self.lines("\(home)/diagnostics.csv").count, 1 + 2 * 7)

        let often = try Command.run(
            Command.tinyTraining(directory.file("b"), epochs: 1, ["--optimizer", "kfac", "--diagnostics", "2"]))
        XCTAssertEqual(often.output.components(separatedBy: "what step ").count, 3, often.output)
        try assertFails(
            .usage, ["--diagnostics is for --optimizer fop or kfac, not for sgd"],
            Command.tinyTraining(directory.file("c"), ["--diagnostics"]))
    }

    /// What is not as usual is said at the start, as it can be given again.
    func testOptionsAreRepeated() throws {
        let options = ["--sub-batches", "3", "--clip-norm", "2.5", "--micro-batches", "3"]
        let result = try Command.run(
            Command.tinyTraining(directory.file("run"), epochs: 1, ["--optimizer", "fop"] + options))
        XCTAssertEqual(result.status, 0, result.errors)
        assertContains(result.output, "\nwith --sub-batches 3 --micro-batches 3 --clip-norm 2.5\n")
    }

    func testDivergenceEndsWithAdvice() throws {
        let home = directory.file("run")
        let result = try Command.run(
            Command.tinyTraining(
                home, epochs: 20, ["--learning-rate", "1e30", "--batch-size", "4", "--schedule", "constant"]))
        XCTAssertEqual(result.status, ExitStatus.diverged.rawValue, result.errors)
        let errors = result.errors.split(separator: "\n")
        XCTAssertTrue(errors.dropLast().allSatisfy { $0.hasPrefix("fop: warning: ") }, result.errors)
        assertContains(String(try XCTUnwrap(errors.last)), "fop: ")
        assertContains(String(try XCTUnwrap(errors.last)), "learning rate")
        XCTAssertNoThrow(try Checkpoint(path: "\(home)/checkpoint.safetensors"))
    }
}

/// Four IDX files with images and labels that are counted through.
func writeIDXFiles(images count: Int, in directory: TemporaryDirectory) throws {
    func number(_ value: Int) -> [UInt8] { [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) } }
    let images = [0, 0, 8, 3] + number(count) + number(28) + number(28) + (0..<count * 784).map { UInt8($0 % 251) }
    let labels = [0, 0, 8, 1] + number(count) + (0..<count).map { UInt8($0 % 10) }
    for part in ["train", "t10k"] {
        try directory.write("\(part)-images-idx3-ubyte", images)
        try directory.write("\(part)-labels-idx1-ubyte", labels)
    }
}
