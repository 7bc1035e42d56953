import Datasets
import Torch
import Training
import XCTest

final class ExitStatusTests: XCTestCase {
    func testErrorsHaveTheirCodes() {
        struct Other: Error {}
        let cases: [(any Error, Int32)] = [
            (TrainingError.invalidSettings([]), 64), (TrainingError.checkpointDiffers(path: "", differences: []), 64),
            (DatasetError.invalidValue(name: "", value: "", legal: ""), 64), (TorchError.invalidValue(""), 64),
            (TrainingError.checkpointUnusable(path: "", reason: ""), 65),
            (DatasetError.truncated(path: "", expectedBytes: 1, foundBytes: 0), 65),
            (DatasetError.corruptGzip(path: "", reason: ""), 65), (TorchError.stateMismatch(""), 65),
            (TrainingError.checkpointMissing(path: ""), 66), (DatasetError.missingFile(path: ""), 66),
            (DatasetError.filesNotFound(dataset: "", missing: [], directories: []), 66),
            (TorchError.deviceUnavailable(""), 69), (TrainingError.outputUnusable(path: "", reason: ""), 73),
            (TrainingError.writeFailed(path: "", reason: ""), 74), (TorchError.file(path: "", message: ""), 74),
            (TrainingError.diverged(advice: ""), 4), (TorchError.operatorFailed(operator: "", message: "", file: "", line: 1), 1), (Other(), 1),
        ]
        for (error, code) in cases { XCTAssertEqual(ExitStatus(for: error).rawValue, code, "\(error)") }
    }

    func testSignalsHaveAShellsCodes() {
        XCTAssertEqual(ExitStatus(signal: 2), .interrupted)
        XCTAssertEqual(ExitStatus(signal: 15), .terminated)
        XCTAssertEqual(ExitStatus(signal: 1), .hungUp)
    }
}
