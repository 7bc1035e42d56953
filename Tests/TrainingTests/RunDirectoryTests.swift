import TestSupport
import Training
import XCTest

final class RunDirectoryTests: XCTestCase {
    func testPaths() {
        XCTAssertEqual(RunDirectory("a/b/").path, "a/b")
        XCTAssertEqual(RunDirectory("/").path, "/")
        XCTAssertEqual(RunDirectory("").path, ".")
        XCTAssertEqual(RunDirectory(ofCheckpoint: "a/b/c.safetensors").path, "a/b")
        XCTAssertEqual(RunDirectory(ofCheckpoint: "c.safetensors").path, ".")
        XCTAssertEqual(RunDirectory("a").checkpoint, "a/checkpoint.safetensors")
    }

    func testFreshNamesSayWhatIsTrained() {
        let path = RunDirectory.fresh(for: tinySettings(.kfac)).path
        XCTAssertNotNil(path.wholeMatch(of: /runs\/\d{8}-\d{6}-cnn-kfac(-\d+)?/), path)
    }

    func testFoldersAreMadeWithThoseAbove() throws {
        try withTemporaryDirectory { directory in
            let run = RunDirectory(directory + "/a//b/c/")
            try run.create(isResumed: false)
            var isDirectory: ObjCBool = false
            XCTAssertTrue(FileManager.default.fileExists(atPath: directory + "/a/b/c", isDirectory: &isDirectory))
            XCTAssertTrue(isDirectory.boolValue)
            // Again is no mistake: there is no run in it.
            try run.create(isResumed: false)
        }
    }

    func testShellQuoting() {
        for (word, quoted) in [
            ("runs/a-b_c.1", "runs/a-b_c.1"), ("", "''"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("$x", "'$x'"),
        ] {
            XCTAssertEqual(shellQuoted(word), quoted)
        }
    }
}
