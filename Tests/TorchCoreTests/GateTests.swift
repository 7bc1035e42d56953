import Foundation
import TestSupport
import Torch
import XCTest

/// Ownership and threads of the two ways into the dispatcher.
final class GateTests: XCTestCase {
    private static let cat = Operator("aten::cat")
    private static let clone = Operator("aten::clone")
    private static let einsum = Operator("aten::einsum")

    private let gates: [(String, OperatorGate)] = [("fast", .fast), ("stable", .stable)]

    func testGateOfTorchIsInUseFromTheStart() {
        XCTAssertTrue(OperatorGate.current.takesNumbers)
        XCTAssertTrue(OperatorGate.current.borrowsTensors)
        XCTAssertFalse(OperatorGate.stable.takesNumbers)
    }

    private func assertFails(_ body: () -> Void) {
        do {
            try TorchError.catching(body)
            XCTFail("no failure")
        } catch {}
    }

    private func kinds(of x: Tensor, _ index: Tensor) -> [(String, () -> Void)] {
        [
            ("tensor", { _ = x.matmul(x) }),
            ("optionals and lists", { _ = x.sum([0, 1], keepingDimensions: true) }),
            ("list of tensors, string", { _ = Tensor.einsum("ij,jk->ik", [x, x]) }),
            ("list of optional tensors", { _ = x[.all, index] }),
            ("list result", { _ = x.split([1, 1]) }),
            ("three results", { _ = x.sorted(stable: true) }),
            ("in place", { x.multiplyInPlace(by: 1) }),
            ("number", { _ = x.clamped(min: 0, max: 1) }),
            ("truth value", { _ = x.isEqual(to: x) }),
            ("factory", { _ = Tensor.zeros([2, 2]) }),
            ("mask", { _ = x[x .> 0] }),
        ]
    }

    func testSuccessKeepsNothing() {
        let x = Tensor([1.0, 2, 3, 4], shape: [2, 2])
        let index = Tensor([1, 0])
        for (label, gate) in gates {
            withGate(gate) {
                for (kind, body) in kinds(of: x, index) {
                    assertNoMemoryGrowth(calls: 1000, "\(label), \(kind)", body)
                }
            }
            XCTAssertEqual(x.referenceCount, 1, label)
            XCTAssertEqual(index.referenceCount, 1, label)
        }
    }

    func testFailureKeepsNothing() {
        let x = Tensor([1.0, 2, 3, 4], shape: [2, 2])
        let three = Tensor([1.0, 2, 3])
        let bad: [(String, () -> Void)] = [
            ("tensor", { _ = x.matmul(three) }),
            ("optional list", { _ = x.sum([7]) }),
            ("list of tensors, string", { _ = Tensor.einsum("ij,jk->ik", [x, three]) }),
            ("list of tensors", { _ = Tensor.concatenated([x, three]) }),
            ("optional, list", { _ = x.split([1, 9]) }),
            ("list of optional tensors", { _ = x[Tensor([9])] }),
            ("optional tensor", { _ = x.clamped(min: three, max: nil) }),
        ]
        for (label, gate) in gates {
            withGate(gate) {
                for (kind, body) in bad {
                    // The stable C ABI reads the whole C++ stack at each failure: 15 ms.
                    assertNoMemoryGrowth(calls: label == "fast" ? 1000 : 50, "\(label), \(kind)") { assertFails(body) }
                }
            }
            XCTAssertEqual(x.referenceCount, 1, label)
            XCTAssertEqual(three.referenceCount, 1, label)
        }
    }

    /// Calls that no operator answers to: containers must be freed all the same.
    func testWrongCountKeepsNothing() {
        let x = Tensor([1.0])
        assertNoMemoryGrowth(calls: 1000, "too few arguments") {
            assertFails { _ = call(GateTests.cat, file: #fileID, line: #line) { $0.push([x]) } }
        }
        assertNoMemoryGrowth(calls: 1000, "too few results") {
            assertFails {
                callVoid(GateTests.einsum, file: #fileID, line: #line) {
                    $0.push("i,i")
                    $0.push([x, x])
                    $0.push([1] as [Int]?)
                }
            }
        }
        XCTAssertEqual(x.referenceCount, 1)
    }

    func testCopiesShareOneHandle() {
        let x = Tensor([1.0])
        assertNoTensorLeak {
            let y = x
            XCTAssertEqual(y.handle, x.handle)
            let view = x.detached()
            XCTAssertNotEqual(view.handle, x.handle)
            XCTAssertEqual(view.dataPointer, x.dataPointer)
        }
    }

    func testManyThreadsResolveOneOperator() {
        let x = Tensor([1.0, -2.0])
        for _ in 0..<20 {
            let fresh = Operator("aten::relu")
            let results = Results()
            DispatchQueue.concurrentPerform(iterations: 16) { _ in
                let y = call(fresh, file: #fileID, line: #line) { $0.push(x) }
                results.add(y.scalars(as: Double.self))
            }
            XCTAssertEqual(results.all, Array(repeating: [1, 0], count: 16))
            keep(fresh)
        }
        XCTAssertEqual(x.referenceCount, 1)
    }

    func testFailuresOfThreadsStayApart() {
        let x = Tensor([1.0, -2.0])
        DispatchQueue.concurrentPerform(iterations: 16) { index in
            let wrong = Tensor.zeros([index + 3])
            do {
                try TorchError.catching { _ = x + wrong }
                XCTFail("no failure")
            } catch {
                assertContains("\(error)", "tensor b (\(index + 3))")
            }
        }
    }

    /// What a gate resolves stays for ever, so operators must too.
    private func keep(_ op: Operator) { _ = Unmanaged.passRetained(op) }
}

private final class Results: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [[Double]] = []

    func add(_ value: [Double]) { lock.withLock { values.append(value) } }

    var all: [[Double]] { lock.withLock { values } }
}
