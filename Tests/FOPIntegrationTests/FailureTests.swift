import Foundation
import TestSupport
import Training
import XCTest

/// What goes wrong ends with its own code and a sentence that helps.
final class FailureTests: CommandTestCase {
    func testWrongFlags() throws {
        try assertFails(.usage, ["Unknown option '--learningrate'", "Usage: fop train"], ["train", "--learningrate", "1"])
        try assertFails(.usage, ["Unexpected argument 'tran'", "Usage: fop"], ["tran"])
        try assertFails(.usage, ["--epochs is many: use a whole number from 1 to 1000000"], ["train", "--epochs", "many"])
        try assertFails(.usage, ["Missing value for '--seed"], ["train", "--seed"])
    }

    func testAllIllegalValuesAreReportedTogether() throws {
        try assertFails(
            .usage,
            [
                "Error: 9 options cannot be used:", "--threads is 0: use a whole number from 1 to 1024",
                "--batch-size is 0: use", "--target is 1.5: use", "--epochs is 0: use",
                "--learning-rate is -1.0: use a finite number above 0", "--model is foo: use cnn, mlp, resnet or vit",
                "--optimizer is foo: use fop, kfac, sgd, adamw, lamb, shampoo, soap or muon", "--dataset is foo: use fashion-mnist or shapes",
                "--log-level is loud: use trace", "Usage: fop train", "fop train --help",
            ],
            [
                "train", "--threads", "0", "--batch-size", "0", "--target", "1.5", "--epochs", "0", "--learning-rate",
                "-1", "--model", "foo", "--optimizer", "foo", "--dataset", "foo", "--log-level", "loud",
            ])
        try assertFails(.usage, ["--require-target needs --target"], ["train", "--require-target"])
    }

    func testMissingData() throws {
        let missing = directory.file("nowhere")
        try assertFailsInOneLine(
            .missingInput, [missing, "train-images-idx3-ubyte", "make data"],
            ["train", "--data", missing, "--output", directory.file("run")])
        XCTAssertEqual(directory.entries, [], "no folder for a run that cannot start")
        // Where it looks when nothing is named.
        try assertFailsInOneLine(.missingInput, ["/nonexistent-cache/data/fashion-mnist"], ["train"])
    }

    func testCorruptData() throws {
        try writeIDXFiles(images: 20, in: directory)
        let labels = directory.file("train-labels-idx1-ubyte")
        let arguments = ["train", "--data", directory.path, "--output", directory.file("run"), "--batch-size", "10"]
        let plain = try Data(contentsOf: URL(fileURLWithPath: labels))

        try directory.write("train-labels-idx1-ubyte", [UInt8](plain.dropLast(5)))
        try assertFailsInOneLine(.badData, [labels, "28 bytes expected", "make data"], arguments)
        try directory.write("train-labels-idx1-ubyte", [UInt8](plain.dropLast() + [200]))
        try assertFailsInOneLine(.badData, [labels, "label 200"], arguments)
        try directory.write("train-labels-idx1-ubyte", Array("<html>Not found</html>".utf8))
        try assertFailsInOneLine(.badData, [labels, "IDX"], arguments)

        // A gzip file that ends in the middle: header, then a stored block that announces more than there is.
        try FileManager.default.removeItem(atPath: labels)
        let gzip: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1, 28, 0, 0xE3, 0xFF] + plain.prefix(12)
        try directory.write("train-labels-idx1-ubyte.gz", gzip)
        try assertFailsInOneLine(.badData, [labels + ".gz"], arguments)
        XCTAssertFalse(FileManager.default.fileExists(atPath: directory.file("run")))
    }

    func testABatchLargerThanTheData() throws {
        try assertFailsInOneLine(
            .usage, ["--batch-size is 61: use a whole number from 1 to 60"],
            Command.tinyTraining(directory.file("run"), ["--batch-size", "61"]))
    }

    func testAnUnwritableFolder() throws {
        // Below a regular file: refused also for root.
        try directory.write("file", [])
        try assertFailsInOneLine(
            .cannotCreateOutput, [directory.file("file"), "not a folder"],
            Command.tinyTraining(directory.file("file/run")))
        try assertFailsInOneLine(
            .cannotCreateOutput, [directory.file("file"), "not a folder"], Command.tinyTraining(directory.file("file")))
    }

    func testAFullDisk() throws {
        // A limit on the size of files stands for it: what exceeds it fails as on a disk without room.
        let home = directory.file("run")
        let arguments = Command.tinyTraining(home, epochs: 3).map(shellQuoted).joined(separator: " ")
        let result = try runProcess(
            "/bin/sh", ["-c", "trap '' XFSZ; ulimit -f 40; exec \(shellQuoted(Command.path)) \(arguments)"])
        XCTAssertEqual(result.status, ExitStatus.inputOutput.rawValue, result.errors)
        assertContains(result.errors, "fop: \(home)/model.safetensors: cannot be written: ")
        XCTAssertEqual(result.errors.split(separator: "\n").count, 1, result.errors)
        // Nothing half written stays; the metrics of the epoch do.
        XCTAssertEqual(
            try FileManager.default.contentsOfDirectory(atPath: home).sorted(),
            ["metrics.csv", "metrics.jsonl", "run.json", "train.log"])
        let rows = try String(contentsOfFile: home + "/metrics.csv", encoding: .utf8).split(separator: "\n")
        XCTAssertEqual(rows.count, 2)
    }

    func testADeviceThatIsNotThere() throws {
        try assertFailsInOneLine(
            .unavailable, ["cuda:99", "not available"],
            Command.tinyTraining(directory.file("run"), ["--device", "cuda:99"]))
        try assertFails(.usage, ["device 'abacus'"], ["train", "--device", "abacus"])
    }

    func testCheckpointsThatCannotBeResumed() throws {
        try assertFailsInOneLine(
            .missingInput, [directory.file("nowhere"), "no such checkpoint"], ["train", "--resume", directory.file("nowhere")])
        try assertFailsInOneLine(
            .missingInput, [directory.file("checkpoint.safetensors")], ["train", "--resume", directory.path])
        let nonsense = try directory.write("checkpoint.safetensors", Array("this is not a checkpoint".utf8))
        try assertFailsInOneLine(.badData, [nonsense, "not a checkpoint"], ["train", "--resume", directory.path])

        let home = directory.file("run")
        XCTAssertEqual(try Command.run(Command.tinyTraining(home, epochs: 1)).status, 0)
        try assertFailsInOneLine(
            .usage,
            [
                home, "--model is mlp, the checkpoint's is cnn", "--optimizer is fop, the checkpoint's is sgd",
                "--batch-size is 20, the checkpoint's is 16",
            ], ["train", "--resume", home, "--model", "mlp", "--optimizer", "fop", "--batch-size", "20"])
        try assertFailsInOneLine(.usage, ["--epochs is 0"], ["train", "--resume", home, "--epochs", "0"])
        // A run is not overwritten by another.
        try assertFailsInOneLine(.cannotCreateOutput, [home, "--resume"], Command.tinyTraining(home))
    }
}
