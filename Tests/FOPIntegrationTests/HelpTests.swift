import Foundation
import TestSupport
import Torch
import Training
import XCTest

final class HelpTests: CommandTestCase {
    private func output(_ arguments: String...) throws -> String {
        let result = try Command.run(arguments, environment: ["COLUMNS": "100"])
        XCTAssertEqual(result.status, 0, result.errors)
        return result.output
    }

    func testVersion() throws {
        XCTAssertEqual(try output("--version"), "0.1.0\n")
        XCTAssertEqual(FOPVersion.current, "0.1.0")
    }

    func testTheCommandsHelp() throws {
        let help = try output("--help")
        for line in [
            "OVERVIEW: Trains networks with Fisher-Orthogonal Projection", "fop train --dataset shapes --model mlp --epochs 3",
            "EXIT CODES:", "   64  wrong options", "  130  Ctrl-C (SIGINT), after saving a checkpoint", "USAGE: fop <subcommand>",
            "  train ", "  info ",
        ] { assertContains(help, line) }
        for status in ExitStatus.allCases { assertContains(help, "\(status.rawValue)  \(status.summary)") }
    }

    func testTrainsHelpNamesEveryOption() throws {
        let help = try output("train", "--help")
        for title in [
            "MODEL AND DATA:", "TRAINING:", "OPTIMIZER:", "LEARNING-RATE SCHEDULE:", "FOP AND K-FAC: CURVATURE:",
            "FOP AND K-FAC: DAMPING:", "FOP AND K-FAC: STEP:", "OTHER OPTIMIZERS:", "NUMERICS:", "MACHINE:", "OUTPUT:",
        ] {
            assertContains(help, "\n\(title)\n")
        }
        // Every setting is an option, and every option of a value is a setting or one of these.
        let named = Set(help.matches(of: #/\n  (--[a-z-]+)[ \n]/#).map { String($0.1) })
        let others: Set = ["--require-target", "--output", "--resume", "--log-level", "--version"]
        XCTAssertEqual(named.subtracting(others), Set(TrainingRequest.options))
        XCTAssertTrue(others.isSubset(of: named))
        for part in ["EXAMPLES:", "fop train --target 90%", "(default: resnet)", "(default: 2048)", "bit for bit"] {
            assertContains(help, part)
        }
    }

    func testInfo() throws {
        let data = directory.file("data")
        let result = try Command.run(["info"], environment: ["FOP_DATA": data, "FOP_ALLOCATOR": "system"])
        XCTAssertEqual(result.status, 0, result.errors)
        for part in [
            "fop        0.1.0\n", "LibTorch   \(TorchRuntime.version)\n", "CPU ", "CUDA ", "threads ",
            "allocator  as the system has it", "cache      /nonexistent-cache\n",
            "data       \(data): without train-images-idx3-ubyte", "resnet  ", "fashion-mnist  ", "Fisher-Orthogonal Projection",
        ] { assertContains(result.output, part) }
    }

    func testInfoAsJSON() throws {
        try writeIDXFiles(images: 1, in: directory)
        let result = try Command.run(["info", "--json"], environment: ["FOP_DATA": directory.path])
        let report = try JSONText.decode(SystemReport.self, from: result.output)
        XCTAssertEqual(report.fop, FOPVersion.current)
        XCTAssertEqual(report.dataFolders, [SystemReport.Folder(path: directory.path, missing: [])])
        XCTAssertGreaterThan(report.cores, 0)
        XCTAssertEqual(report.models.map(\.name), ["cnn", "mlp", "resnet", "vit"])
    }
}
