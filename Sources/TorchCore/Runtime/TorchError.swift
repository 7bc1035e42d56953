import CTorch
import Glibc

/// What can go wrong in a way that a program may want to handle.
public enum TorchError: Error, Equatable, Sendable, CustomStringConvertible {
    /// An operator refused its arguments. The text is torch's own; file and line are the caller's.
    case operatorFailed(operator: String, message: String, file: String, line: UInt)
    /// A value outside what is allowed. The text names it and says what is legal.
    case invalidValue(String)
    /// A device that this machine or this LibTorch does not have.
    case deviceUnavailable(String)
    /// A file that could not be read or written. The text names the file and what is wrong with it.
    case file(path: String, message: String)
    /// Saved tensors that do not fit the model. The text names the first key that differs.
    case stateMismatch(String)

    /// The text to show.
    public var description: String {
        switch self {
        case .operatorFailed(let name, let message, let file, let line):
            "\(file):\(line): \(name): \(message)"
        case .invalidValue(let text), .deviceUnavailable(let text), .stateMismatch(let text):
            text
        case .file(let path, let message):
            "\(path): \(message)"
        }
    }

    /// Runs `body` with failing operators turned into a thrown error instead of a stop of the program.
    ///
    /// Operators do not throw: a wrong shape is a mistake in the program, and stops it with torch's message and the
    /// Swift file and line. Where shapes come from outside (a file, a command line), wrap the work in `catching`: the
    /// first failing operator inside yields an undefined tensor, what follows it is ignored, and the error is thrown
    /// at the end of `body`.
    /// - Throws: ``operatorFailed(operator:message:file:line:)``, or what `body` throws.
    public static func catching<Result>(_ body: () throws -> Result) throws -> Result {
        try catching(locating: true, body)
    }

    /// The same; without `locating` the error's place may be within this package, which saves a walk over the stack.
    static func catching<Result>(locating: Bool, _ body: () throws -> Result) throws -> Result {
        let collector = FailureCollector(locates: locating)
        let result = Swift.Result { try FailureCollector.$current.withValue(collector, operation: body) }
        if let error = collector.first { throw error }
        return try result.get()
    }
}

/// Keeps the first operator failure of a `catching` scope.
final class FailureCollector: @unchecked Sendable {
    @TaskLocal static var current: FailureCollector?

    let locates: Bool
    // A scope runs on one thread; operators called from others have no collector.
    var first: TorchError?

    init(locates: Bool) { self.locates = locates }
}

/// Ends an operator that failed: an undefined tensor inside a `catching` scope, a stop of the program outside.
///
/// Reported is the user's line: `file` and `line`, or, when these are within this package, the nearest caller outside
/// of it.
public func operatorFailure(_ name: String, _ message: String, _ file: StaticString, _ line: UInt) {
    guard let collector = FailureCollector.current else {
        let place = CallerLocation.user(file, line)
        stopProgram("\(place.file):\(place.line): Fatal error: \(name): \(message)\n")
    }
    guard collector.first == nil else { return }
    let place = collector.locates ? CallerLocation.user(file, line) : (file: "\(file)", line: line)
    collector.first = .operatorFailed(operator: name, message: message, file: place.file, line: place.line)
}

/// What `fatalError` does, for a place that is known at run time only.
private func stopProgram(_ text: String) -> Never {
    fflush(nil)
    _ = text.withCString { write(2, $0, strlen($0)) }
    ctorch_trap()
}
