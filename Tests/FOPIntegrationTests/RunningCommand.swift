import Foundation
import TestSupport
import XCTest

/// `fop` while it runs. What it prints goes into files, or to a terminal.
final class RunningCommand {
    private let process = Process()
    private let directory: TemporaryDirectory

    /// - Parameter terminal: where standard output goes; nil for a file.
    init(_ arguments: [String], terminal: FileHandle? = nil, environment: [String: String] = [:]) throws {
        directory = try TemporaryDirectory()
        for name in ["output", "errors"] { try directory.write(name, []) }
        process.executableURL = URL(fileURLWithPath: Command.path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput =
            try terminal ?? FileHandle(forWritingTo: URL(fileURLWithPath: directory.file("output")))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: directory.file("errors")))
        try process.run()
    }

    deinit { if process.isRunning { send(SIGKILL) } }

    var output: String { text("output") }
    var errors: String { text("errors") }

    /// Waits until standard output contains a text.
    func wait(for part: String, limit: Double = 60, file: StaticString = #filePath, line: UInt = #line) {
        let deadline = Date().addingTimeInterval(limit)
        while !output.contains(part) {
            guard process.isRunning, Date() < deadline else {
                // Once more: it may have come with the end.
                if !output.contains(part) {
                    XCTFail("'\(part)' did not come; output: \(output) errors: \(errors)", file: file, line: line)
                }
                return
            }
            usleep(2_000)
        }
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Waits for the end.
    /// - Returns: the exit code, or the signal that ended it.
    func end(limit: Double = 60) -> (status: Int32, signaled: Bool) {
        let deadline = Date().addingTimeInterval(limit)
        while process.isRunning && Date() < deadline { usleep(5_000) }
        if process.isRunning { send(SIGKILL) }
        process.waitUntilExit()
        return (process.terminationStatus, process.terminationReason == .uncaughtSignal)
    }

    private func text(_ name: String) -> String {
        (try? String(contentsOfFile: directory.file(name), encoding: .utf8)) ?? ""
    }
}
