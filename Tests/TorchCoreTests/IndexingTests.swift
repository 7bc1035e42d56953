import TestSupport
import Torch
import XCTest

/// Subscripts against torch's own results, in both gates, and torch's messages.
final class IndexingTests: XCTestCase {
    private let numbers = Tensor((0..<24).map { Float($0) }, shape: [2, 3, 4])

    private func tensor(_ values: [Int]) -> Tensor { Tensor(values) }

    private var cases: [(String, (Tensor) -> Tensor)] {
        [
            ("first", { $0[0] }),
            ("last", { $0[-1] }),
            ("two", { $0[1, 2] }),
            ("three", { $0[1, 2, -4] }),
            ("range", { $0[0..<1] }),
            ("range-clamped", { $0[1..<100] }),
            ("from", { $0[.all, 1...] }),
            ("up-to", { $0[.all, ..<2] }),
            ("up-to-last", { $0[.all, ..<(-1)] }),
            ("through", { $0[.all, ...1] }),
            ("through-last", { $0[.all, .all, -2 ... -1] }),
            ("empty", { $0[.all, 2..<2] }),
            ("all", { $0[.all, 1..<3] }),
            ("ellipsis", { $0[.ellipsis, 0] }),
            ("ellipsis-middle", { $0[0, .ellipsis, 1] }),
            ("new-axis", { $0[.newAxis] }),
            ("new-axis-last", { $0[.ellipsis, .newAxis] }),
            ("step", { $0[.all, .all, .every(2)] }),
            ("slice", { $0[.all, .all, .slice(-3, to: -1)] }),
            ("integers", { $0[Tensor([1, 0, 1])] }),
            ("integers-second", { $0[.all, Tensor([2, -1])] }),
            ("integers-pair", { $0[Tensor([0, 1]), Tensor([2, 0])] }),
            ("integers-apart", { $0[Tensor([0, 1]), .all, Tensor([3, 1])] }),
            ("integers-axis", { $0[.all, Tensor([0, 1]), .newAxis, Tensor([3, 1])] }),
            ("integers-broadcast", { $0[Tensor([0, 1], shape: [2, 1]), Tensor([0, 2])] }),
            ("integers-number", { $0[1, .all, Tensor([0, 1])] }),
            ("integer-single", { $0[Tensor(1)] }),
            ("mask", { $0[$0 .> 10] }),
            ("mask-first", { $0[Tensor([false, true])] }),
            ("mask-two", { $0[$0[.all, .all, 0] .> 5] }),
            ("mask-number", { $0[$0[.all, .all, 0] .> 5, 1] }),
            ("mask-true", { $0[Tensor(true)] }),
            ("mask-false", { $0[Tensor(false)] }),
        ]
    }

    private var assignments: [(String, (Tensor) -> Void)] {
        [
            ("first", { $0[0] = .full([3, 4], 7) }),
            ("broadcast", { $0[.all, 1] = Tensor([1, 2, 3, 4] as [Float]) }),
            ("single", { $0[.ellipsis, 0] = Tensor(7 as Float) }),
            ("leading-ones", { $0[0, 0] = .ones([1, 1, 4]) }),
            ("converted", { $0[0, 0] = Tensor([9, 8, 7, 6]) }),
            ("step", { $0[.all, .all, .every(2)] = Tensor(0.5) }),
            ("integers", { $0[Tensor([1])] = .zeros([3, 4]) }),
            ("integers-second", { $0[.all, Tensor([0, 2])] = .zeros([4]) }),
            (
                "mask",
                { $0[Tensor([true, false, true, false, false, true], shape: [2, 3])] = Tensor(5 as Float) }
            ),
        ]
    }

    func testValuesAreTorchs() throws {
        let fixture = try FixtureFile("operators.safetensors")
        XCTAssertEqual(Set(cases.map(\.0)), Set(fixture.tensors(under: "indexing/").keys))
        for (name, index) in cases {
            for (label, gate) in [("fast", OperatorGate.fast), ("stable", .stable)] {
                let result = withGate(gate) { index(numbers) }
                assertIdentical(result, try fixture.tensor("indexing/\(name)"), "\(name), \(label)")
            }
        }
    }

    func testAssignmentIsTorchs() throws {
        let fixture = try FixtureFile("operators.safetensors")
        XCTAssertEqual(Set(assignments.map(\.0)), Set(fixture.tensors(under: "assigning/").keys))
        for (name, assign) in assignments {
            for (label, gate) in [("fast", OperatorGate.fast), ("stable", .stable)] {
                let changed = numbers.cloned()
                withGate(gate) { assign(changed) }
                assertIdentical(changed, try fixture.tensor("assigning/\(name)"), "\(name), \(label)")
            }
        }
    }

    func testViewsShareMemory() {
        let x = numbers.cloned()
        x[0, 1].fill(-1)
        XCTAssertEqual(x.sum([2]).scalars(as: Float.self), [6, -4, 38, 54, 70, 86])
        let row = x[1][0]
        row[2] = Tensor(100)
        XCTAssertEqual(x[1, 0].scalars(as: Float.self), [12, 13, 100, 15])
    }

    func testMessagesAreTorchs() {
        let x = numbers
        let cases: [(String, () -> Tensor)] = [
            ("index 5 is out of bounds for dimension 0 with size 2", { x[5] }),
            ("index 2 is out of bounds for dimension 0 with size 2", { x[2] }),
            ("index -3 is out of bounds for dimension 0 with size 2", { x[-3] }),
            ("index -4 is out of bounds for dimension 1 with size 3", { x[.all, -4] }),
            ("index 7 is out of bounds for dimension 2 with size 4", { x[0, .newAxis, .ellipsis, 7] }),
            ("too many indices for tensor of dimension 3", { x[0, 0, 0, 0] }),
            ("invalid index of a 0-dim tensor", { x[0, 0, 0][0] }),
            ("step must be greater than zero", { x[.every(-1)] }),
            ("step must be greater than zero", { x[.every(0)] }),
            ("index 7 is out of bounds for dimension 0 with size 2", { x[Tensor([0, 7])] }),
            ("tensors used as indices must be long, int, byte or bool tensors", { x[Tensor([0.5])] }),
            (
                "The shape of the mask [3] at index 0 does not match the shape of the indexed tensor [2, 3, 4] "
                    + "at index 0",
                { x[Tensor([true, true, false])] }
            ),
        ]
        for (message, index) in cases {
            let line = #line + 1 as UInt
            assertThrowsTorchError(try TorchError.catching { index() }) { error in
                assertContains("\(error)", message)
                guard case .operatorFailed(_, _, let file, let place) = error else { return XCTFail("\(error)") }
                XCTAssertEqual(file, "TorchCoreTests/IndexingTests.swift")
                XCTAssertLessThan(place, line)
            }
        }
    }

    func testWrongAssignmentThrowsAndChangesNothing() {
        let x = numbers.cloned()
        assertThrowsTorchError(try TorchError.catching { x[0] = .ones([5]) }) { error in
            assertContains("\(error)", "must match the size of tensor b (5)")
        }
        assertThrowsTorchError(try TorchError.catching { x[9] = .ones([3, 4]) }) { error in
            assertContains("\(error)", "index 9 is out of bounds")
        }
        assertIdentical(x, numbers)
    }

    func testSizes() {
        XCTAssertEqual(numbers.size(-1), 4)
        XCTAssertEqual(numbers.size(0), 2)
        assertThrowsTorchError(try TorchError.catching { numbers.size(3) }) { error in
            assertContains("\(error)", "Dimension out of range (expected to be in range of [-3, 2], but got 3)")
        }
    }
}
