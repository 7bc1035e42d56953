import Torch
import XCTest

/// Runs `body` with operators going through `gate`, such as `.stable`: what the wheel has.
public func withGate<Result>(_ gate: OperatorGate, _ body: () throws -> Result) rethrows -> Result {
    TorchRuntime.start()
    let before = OperatorGate.current
    OperatorGate.current = gate
    defer { OperatorGate.current = before }
    return try body()
}

/// Fails unless as many tensors are alive after `body` as before it.
public func assertNoTensorLeak<Result>(
    _ message: @autoclosure () -> String = "", file: StaticString = #filePath, line: UInt = #line,
    _ body: () throws -> Result
) rethrows {
    let before = Tensor.liveCount
    _ = try body()
    let after = Tensor.liveCount
    if after != before { fail("\(after - before) more tensors alive than before", message(), file, line) }
}

/// Fails when calls of `body` leave tensors or memory of LibTorch or Swift behind: `bytes` per call.
///
/// Caches fill up and other threads allocate: only a loss in every one of several rounds counts.
public func assertNoMemoryGrowth(
    calls: Int = 100, bytes: Int = 12, _ message: @autoclosure () -> String = "", file: StaticString = #filePath,
    line: UInt = #line, _ body: () throws -> Void
) rethrows {
    for _ in 0..<calls / 10 + 1 { try body() }
    let live = Tensor.liveCount
    var growth: [Int] = []
    repeat {
        let before = TorchRuntime.allocatedBytes
        for _ in 0..<calls { try body() }
        growth.append(TorchRuntime.allocatedBytes - before)
    } while growth.count < 5 && growth.last! > bytes * calls
    if growth.last! > bytes * calls {
        fail("\(growth) bytes more after \(calls) calls each", message(), file, line)
    }
    if Tensor.liveCount != live {
        fail("\(Tensor.liveCount - live) more tensors alive than before", message(), file, line)
    }
}

/// Fails unless `body` throws a `TorchError`; hands it to `check`.
public func assertThrowsTorchError<Result>(
    _ body: @autoclosure () throws -> Result, file: StaticString = #filePath, line: UInt = #line,
    _ check: (TorchError) -> Void = { _ in }
) {
    XCTAssertThrowsError(try body(), file: file, line: line) { error in
        guard let error = error as? TorchError else {
            return XCTFail("a TorchError expected, got \(error)", file: file, line: line)
        }
        check(error)
    }
}

/// Fails unless `text` contains `part`.
public func assertContains(
    _ text: String, _ part: String, file: StaticString = #filePath, line: UInt = #line
) {
    XCTAssertTrue(text.contains(part), "'\(part)' is not in '\(text)'", file: file, line: line)
}
