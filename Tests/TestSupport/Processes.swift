import Foundation
import XCTest

/// How a process ended and what it wrote.
public struct ProcessResult: Sendable {
    /// The exit code, or the signal's number if `signaled`.
    public var status: Int32
    /// Whether a signal ended it.
    public var signaled: Bool
    /// What it wrote to standard output.
    public var output: String
    /// What it wrote to standard error.
    public var errors: String
}

/// Runs an executable to its end. Output goes through files, so that its amount does not matter.
/// - Parameters:
///   - environment: put over the test's own.
///   - limit: seconds after which the process is killed.
public func runProcess(
    _ executable: String, _ arguments: [String], environment: [String: String] = [:], limit: Double = 120
) throws -> ProcessResult {
    let directory = try TemporaryDirectory()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let handles = try ["output", "errors"].map { name in
        try directory.write(name, [])
        return try FileHandle(forWritingTo: URL(fileURLWithPath: directory.file(name)))
    }
    process.standardOutput = handles[0]
    process.standardError = handles[1]
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let deadline = Date().addingTimeInterval(limit)
    while process.isRunning && Date() < deadline { usleep(10_000) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    for handle in handles { try handle.close() }
    func text(_ name: String) throws -> String {
        String(decoding: try Data(contentsOf: URL(fileURLWithPath: directory.file(name))), as: UTF8.self)
    }
    return ProcessResult(
        status: process.terminationStatus, signaled: process.terminationReason == .uncaughtSignal,
        output: try text("output"), errors: try text("errors"))
}

/// Runs a Python script with the interpreter that FOP_TEST_PYTHON names, and returns what it printed.
/// - Throws: `XCTSkip` when FOP_TEST_PYTHON is not set; an error with the script's own text when it fails.
@discardableResult public func runPython(_ script: String, _ arguments: [String] = []) throws -> String {
    guard let interpreter = ProcessInfo.processInfo.environment["FOP_TEST_PYTHON"], !interpreter.isEmpty else {
        throw XCTSkip("FOP_TEST_PYTHON names no Python interpreter")
    }
    let result = try runProcess(interpreter, ["-c", script] + arguments)
    guard result.status == 0, !result.signaled else { throw PythonFailed(text: result.errors) }
    return result.output
}

/// A Python script that ended with an error.
public struct PythonFailed: Error, CustomStringConvertible {
    let text: String
    /// With what the script wrote to standard error.
    public var description: String { "the Python script failed: \(text)" }
}
