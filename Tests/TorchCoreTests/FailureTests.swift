import Foundation
import TestSupport
import Torch
import XCTest

/// What a wrong shape looks like: torch's message with the user's file and line.
final class FailureTests: XCTestCase {
    private let a = Tensor.zeros([2, 3])
    private let b = Tensor.zeros([4])
    private static let message =
        "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 1"

    private func failure(_ body: () -> Void) -> (message: String, file: String, line: UInt)? {
        do {
            try TorchError.catching(body)
        } catch TorchError.operatorFailed(_, let message, let file, let line) {
            return (message, file, line)
        } catch {}
        return nil
    }

    /// The line from the stack; in optimized code the debugger is not always right either.
    private func assertLine(_ found: UInt?, _ expected: UInt, line: UInt = #line) {
        #if DEBUG
            XCTAssertEqual(found, expected, line: line)
        #else
            XCTAssertEqual(Double(found ?? 0), Double(expected), accuracy: 2, line: line)
        #endif
    }

    func testMethodTellsItsCallersLine() {
        for gate in [OperatorGate.fast, .stable] {
            withGate(gate) {
                let found = failure { _ = a.adding(b) }
                XCTAssertEqual(found?.line, #line - 1)
                XCTAssertEqual(found?.file, "TorchCoreTests/FailureTests.swift")
                XCTAssertEqual(found?.message, FailureTests.message)
            }
        }
    }

    func testInfixOperatorTellsItsCallersLine() {
        for gate in [OperatorGate.fast, .stable] {
            withGate(gate) {
                let found = failure { _ = a + b }
                assertLine(found?.line, #line - 1)
                XCTAssertEqual(found?.file, #filePath)
                XCTAssertEqual(found?.message, FailureTests.message)
            }
        }
    }

    func testLayerTellsItsCallersLine() {
        let layer = Linear(5, 2)
        let found = failure { _ = layer(a) }
        assertLine(found?.line, #line - 1)
        XCTAssertEqual(found?.file, #filePath)
        XCTAssertEqual(found?.message, "addmm: mat1 and mat2 shapes cannot be multiplied (2x3 and 5x2)")
    }

    func testOwnPlaceWithoutSymbols() {
        let search = CallerLocation.search
        defer { CallerLocation.search = search }
        CallerLocation.search = { _ in nil }
        let found = failure { _ = a + b }
        XCTAssertEqual(found?.file, "TorchCore/Tensor+Infix.swift")
    }

    func testCatchingKeepsTheFirstFailure() {
        assertThrowsTorchError(
            try TorchError.catching {
                let bad = a.matmul(b)
                XCTAssertFalse(bad.isDefined)
                XCTAssertEqual((bad + a).item(as: Float.self), 0)
                XCTAssertEqual(bad.scalars(as: Float.self), [])
                XCTAssertEqual(bad[0].shape, [])
                return bad.sum().item(as: Double.self)
            }
        ) { error in
            guard case .operatorFailed(let name, let message, _, _) = error else { return XCTFail("\(error)") }
            XCTAssertEqual(name, "aten::matmul")
            assertContains(message, "size mismatch")
        }
    }

    func testCatchingReturnsAndRethrows() throws {
        XCTAssertEqual(try TorchError.catching { 3 }, 3)
        struct Own: Error {}
        XCTAssertThrowsError(try TorchError.catching { throw Own() }) { XCTAssertTrue($0 is Own) }
        // The failure came first and explains the other.
        assertThrowsTorchError(
            try TorchError.catching {
                _ = a + b
                throw Own()
            })
    }

    func testInnerScopeDoesNotReachTheOuterOne() throws {
        let value = try TorchError.catching {
            XCTAssertThrowsError(try TorchError.catching { _ = a + b })
            return (a + a).count
        }
        XCTAssertEqual(value, 6)
    }

    func testValuesAndItems() {
        XCTAssertEqual(
            failure { _ = Tensor([1.0, 2.0], shape: [3]) }?.message, "2 values do not fill the shape [3]")
        XCTAssertEqual(
            failure { _ = self.a.item(as: Float.self) }?.message,
            "a Tensor with 6 elements cannot be converted to Scalar")
        XCTAssertEqual(failure { self.a.to(.int64).setRequiresGradient(true) }?.line, #line)
    }

    func testUnknownOperatorAndWrongCounts() {
        assertContains(
            failure { _ = call(Operator("aten::no_such_operator"), file: #fileID, line: 1) { _ in } }?.message ?? "",
            "Could not find schema for aten::no_such_operator")
        assertContains(
            failure { _ = call(Operator("aten::relu"), file: #fileID, line: #line) { _ in } }?.message ?? "",
            "takes 1 arguments, 0 given; returns 1 results, 1 read")
        assertContains(
            failure { callVoid(Operator("aten::relu"), file: #fileID, line: #line) { $0.push(self.a) } }?.message ?? "",
            "returns 1 results, 0 read")
    }

    /// Outside of `catching` the program stops: seen from another process, which is this test again.
    func testProgramStopsWithTheLine() throws {
        let key = "FOP_TEST_STOP"
        let a = self.a
        if ProcessInfo.processInfo.environment[key] != nil {
            _ = a + b  // stops here
            return
        }
        let stop = #line - 3 as UInt
        let result = try runProcess(
            try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
            ["TorchCoreTests.FailureTests/testProgramStopsWithTheLine"],
            environment: [key: "1", "SWIFT_BACKTRACE": "enable=no"])
        XCTAssertTrue(result.signaled)
        XCTAssertEqual(result.status, SIGILL)
        let parts = result.errors.split(separator: ":", maxSplits: 2)
        XCTAssertEqual(parts.first.map(String.init), #filePath, result.errors)
        assertLine(UInt(parts.dropFirst().first ?? ""), stop)
        XCTAssertEqual(parts.last.map(String.init), " Fatal error: aten::add.Tensor: \(FailureTests.message)\n")
    }
}
