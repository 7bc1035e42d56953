import Foundation
import TestSupport
import Training
import XCTest

/// The built `fop`: it lies where the tests' own executable lies.
enum Command {
    static let path: String = {
        let own = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
        return own.deletingLastPathComponent().appendingPathComponent("fop").path
    }()

    /// Runs it to its end, away from this machine's data.
    static func run(_ arguments: [String], environment: [String: String] = [:]) throws -> ProcessResult {
        let clean = ["FOP_DATA": "", "FOP_CACHE": "/nonexistent-cache", "TERM": "dumb"]
        return try runProcess(path, arguments, environment: clean.merging(environment) { $1 })
    }

    /// `train` on a few images of shapes with a small network, on one thread.
    static func tinyTraining(_ output: String, epochs: Int = 2, _ more: [String] = []) -> [String] {
        [
            "train", "--dataset", "shapes", "--model", "cnn", "--optimizer", "sgd", "--examples", "60", "--batch-size", "16",
            "--epochs", "\(epochs)", "--threads", "1", "--output", output,
        ] + more
    }
}

/// A test with a folder of its own.
class CommandTestCase: XCTestCase {
    private(set) var directory: TemporaryDirectory!
    override func setUpWithError() throws { directory = try TemporaryDirectory() }
    override func tearDown() { directory = nil }

    /// Runs `fop` and fails unless it ends with this code and has these parts on standard error.
    @discardableResult func assertFails(
        _ status: ExitStatus, _ parts: [String], _ arguments: [String], file: StaticString = #filePath,
        line: UInt = #line
    ) throws -> ProcessResult {
        let result = try Command.run(arguments)
        XCTAssertFalse(result.signaled, "ended by signal \(result.status)", file: file, line: line)
        XCTAssertEqual(result.status, status.rawValue, result.errors, file: file, line: line)
        for part in parts { assertContains(result.errors, part, file: file, line: line) }
        return result
    }

    /// The same for what is not a matter of the command line: one line that begins with the command's name, and nothing
    /// else.
    func assertFailsInOneLine(
        _ status: ExitStatus, _ parts: [String], _ arguments: [String], file: StaticString = #filePath,
        line: UInt = #line
    ) throws {
        let result = try assertFails(status, parts, arguments, file: file, line: line)
        let lines = result.errors.split(separator: "\n")
        XCTAssertEqual(lines.count, 1, result.errors, file: file, line: line)
        XCTAssertTrue(result.errors.hasPrefix("fop: "), result.errors, file: file, line: line)
        XCTAssertEqual(result.output, "", file: file, line: line)
    }
}
