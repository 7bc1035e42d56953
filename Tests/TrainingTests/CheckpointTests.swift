import TestSupport
import Torch
import Training
import XCTest

final class CheckpointTests: XCTestCase {
    private var directory: TemporaryDirectory!
    private var path: String { directory.file("checkpoint.safetensors") }

    override func setUpWithError() throws { directory = try TemporaryDirectory() }
    override func tearDown() { directory = nil }

    private func trained(_ change: (inout TrainingSettings) -> Void = { _ in }) throws -> Trainer {
        let trainer = try makeTrainer(tinySettings { $0.epochs = 1; change(&$0) })
        _ = try trainer.run()
        return trainer
    }

    func testItComesBackAsItWas() throws {
        let trainer = try trained()
        try trainer.checkpoint.write(to: path)
        let read = try Checkpoint(path: path)
        XCTAssertEqual(read.header, trainer.checkpoint.header)
        XCTAssertEqual(read.header, try CheckpointHeader(path: path))
        assertIdentical(read.tensors, trainer.checkpoint.tensors)
        XCTAssertEqual(directory.entries, ["checkpoint.safetensors"])
        let names = Set(read.tensors.keys)
        XCTAssertTrue(names.contains("generator.default"))
        XCTAssertTrue(names.contains("model.head.weight"))
        XCTAssertTrue(names.contains { $0.hasPrefix("optimizer.") })
    }

    func testNumbersThatAreNotFiniteComeBack() throws {
        let trainer = try trained()
        var checkpoint = trainer.checkpoint
        checkpoint.header.progress.history[0].trainLoss = .nan
        checkpoint.header.progress.history[0].testLoss = .infinity
        checkpoint.header.progress.lossSum = 0.1 + 0.2
        try checkpoint.write(to: path)
        let read = try Checkpoint(path: path).header.progress
        XCTAssertTrue(read.history[0].trainLoss.isNaN)
        XCTAssertEqual(read.history[0].testLoss, .infinity)
        XCTAssertEqual(read.lossSum, 0.1 + 0.2)
    }

    func testAFolderStandsForItsCheckpoint() throws {
        assertThrows(.missingInput, directory.path, "checkpoint.safetensors") { try Checkpoint.locate(self.directory.path) }
        assertThrows(.missingInput, "/nowhere/at/all") { try Checkpoint.locate("/nowhere/at/all") }
        try directory.write("checkpoint.safetensors", [])
        XCTAssertEqual(try Checkpoint.locate(directory.path), path)
        XCTAssertEqual(try Checkpoint.locate(directory.path + "/"), path)
        XCTAssertEqual(try Checkpoint.locate(path), path)
    }

    func testWhatIsNotACheckpointIsRefused() throws {
        assertThrows(.missingInput, path) { try Checkpoint(path: self.path) }
        try directory.write("checkpoint.safetensors", Array("nonsense, and more of it".utf8))
        assertThrows(.badData, path, "not a checkpoint") { try CheckpointHeader(path: self.path) }
        try SafetensorsFile.write(tensors: ["a": Tensor([1.0])], metadata: ["format": "pt"], to: path)
        assertThrows(.badData, "fop-checkpoint") { try Checkpoint(path: self.path) }

        let trainer = try trained()
        try trainer.checkpoint.write(to: path)
        let (tensors, metadata) = try SafetensorsFile.read(path)
        func rewrite(_ change: (inout [String: String]) -> Void) throws {
            var metadata = metadata
            change(&metadata)
            try SafetensorsFile.write(tensors: tensors, metadata: metadata, to: path)
        }
        try rewrite { $0["format_version"] = "3" }
        assertThrows(.badData, "format version 3", "reads 2") { try Checkpoint(path: self.path) }
        try rewrite { $0["settings"] = nil }
        assertThrows(.badData, "'settings'") { try Checkpoint(path: self.path) }
        try rewrite { $0["progress"] = "{}" }
        assertThrows(.badData, "'progress'", "is missing") { try Checkpoint(path: self.path) }
        try rewrite { $0["progress"] = "{" }
        assertThrows(.badData, "'progress'", "damaged") { try Checkpoint(path: self.path) }
    }

    func testATruncatedFileIsRefused() throws {
        try trained().checkpoint.write(to: path)
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        for count in [4, 100, bytes.count / 2, bytes.count - 1] {
            try directory.write("checkpoint.safetensors", Array(bytes.prefix(count)))
            assertThrows(.badData, path) { try Checkpoint(path: self.path) }
        }
    }

    func testOneOfAnotherRunIsRefusedAndNothingChanges() throws {
        let checkpoint = Checkpoint.copy(of: try trained().checkpoint)
        let other = try makeTrainer(tinySettings { ($0.batchSize, $0.seed) = (20, 3) })
        let before = copies(of: other.checkpoint.tensors)
        assertThrows(.usage, "file", "--batch-size is 20, the checkpoint's is 16", "--seed is 3") {
            try other.restore(checkpoint, from: "file")
        }
        assertIdentical(other.checkpoint.tensors, before)
        XCTAssertEqual(other.progress, TrainingProgress())
    }

    func testOtherDataIsRefused() throws {
        var checkpoint = try trained().checkpoint
        checkpoint.header.trainingImages = 1000
        let other = try makeTrainer(tinySettings())
        assertThrows(.usage, "60 training images, the checkpoint's had 1000") { try other.restore(checkpoint, from: "file") }
    }

    func testTensorsThatDoNotFitAreNamed() throws {
        let trainer = try trained()
        let whole = Checkpoint.copy(of: trainer.checkpoint)
        for (name, replacement, parts) in [
            ("model.head.bias", Tensor?.none, ["head.bias"]),
            ("model.head.bias", Tensor.zeros([3]), ["head.bias", "[3]"]),
            ("model.tail", Tensor.zeros([3]), ["tail"]),
            ("optimizer.unknown", Tensor.zeros([3]), ["unknown"]),
            ("generator.default", Tensor?.none, ["generator.default"]),
        ] {
            var damaged = whole
            damaged.tensors[name] = replacement
            XCTAssertThrowsError(try makeTrainer(tinySettings()).restore(damaged, from: "file"), name) { error in
                XCTAssertEqual(ExitStatus(for: error), .badData)
                for part in ["file"] + parts { assertContains("\(error)", part) }
            }
        }
    }

    func testAPositionThatCannotBeIsRefused() throws {
        var checkpoint = try trained().checkpoint
        checkpoint.header.progress.step = 99
        let other = try makeTrainer(tinySettings())
        assertThrows(.badData, "step 99") { try other.restore(checkpoint, from: "file") }
    }

    func testWritingWhereNothingCanBeWrittenThrows() throws {
        let trainer = try makeTrainer(tinySettings())
        try directory.write("file", [])
        assertThrows(.inputOutput, "file/checkpoint.safetensors") {
            try trainer.checkpoint.write(to: self.directory.file("file/checkpoint.safetensors"))
        }
    }

    func testAFullDiskLeavesTheOldOne() throws {
        // A device that is always full.
        let trainer = try makeTrainer(tinySettings())
        assertThrows(.inputOutput, "/dev/full") { try trainer.checkpoint.write(to: "/dev/full") }
    }
}
