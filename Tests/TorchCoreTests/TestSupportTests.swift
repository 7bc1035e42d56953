import Torch
import XCTest

@testable import TestSupport

/// The helpers that all tests trust must be able to fail.
final class TestSupportTests: XCTestCase {
    private func close(_ actual: Tensor, _ expected: Tensor, rtol: Double? = nil, atol: Double? = nil) -> String? {
        difference(actual, expected, rtol: rtol, atol: atol)
    }

    func testClosenessIsElementwise() {
        let expected = Tensor([1.0, 2, 3, 4], shape: [2, 2])
        XCTAssertNil(close(expected, expected))
        XCTAssertNil(close(expected * (1 + 1e-9), expected))
        let wrong = Tensor([1.0, 2, 3.5, 4.1], shape: [2, 2])
        XCTAssertEqual(
            close(wrong, expected, rtol: 0, atol: 0.01),
            "2 of 4 elements differ; worst at [1, 0]: 3.5, expected 3.0, difference 0.5, allowed 0.01 + 0.0 * |expected|")
        XCTAssertNil(close(wrong, expected, rtol: 0.2, atol: 0))
        // Equal in the mean, not in the elements.
        XCTAssertNotNil(close(Tensor([1.0, 3.0]), Tensor([3.0, 1.0])))
    }

    func testShapesComeFirst() {
        XCTAssertEqual(close(.zeros([2]), .zeros([1, 2])), "shape [2], [1, 2] expected")
        XCTAssertEqual(close(.zeros([1]), .zeros([])), "shape [1], [] expected")
        XCTAssertNil(close(.zeros([0, 2]), .zeros([0, 2])))
        XCTAssertNotNil(close(.undefined, .zeros([])))
    }

    func testNotANumberIsCloseToNothing() {
        let nan = Tensor([Double.nan])
        XCTAssertNotNil(close(nan, nan))
        XCTAssertNotNil(close(nan, Tensor([1.0]), atol: .greatestFiniteMagnitude))
        XCTAssertNotNil(close(Tensor([1.0]), nan))
        let infinity = Tensor([Double.infinity])
        XCTAssertNil(close(infinity, infinity))
        XCTAssertNotNil(close(-infinity, infinity))
        XCTAssertNotNil(close(Tensor([1.0]), infinity))
    }

    func testTheLessPreciseTypeDecides() {
        let value = Tensor([1.0])
        XCTAssertNotNil(close(value + 1e-5, value))
        XCTAssertNil(close((value + 1e-5).to(.float32), value))
        XCTAssertNil(close((value + 4e-4).to(.float16), value))
    }

    func testIdentityIsOfBits() {
        XCTAssertNil(bitDifference(Tensor([Double.nan]), Tensor([Double.nan])))
        XCTAssertNotNil(bitDifference(Tensor([0.0]), Tensor([-0.0])))
        XCTAssertEqual(bitDifference(Tensor([1.0]), Tensor([1 as Float])), "type float64, float32 expected")
        XCTAssertEqual(
            bitDifference(Tensor([1.0, 2], shape: [1, 2]), Tensor([1.0, 2.5], shape: [1, 2])),
            "1 of 2 elements differ in their bits; first at [0, 1]: 2.0, expected 2.5")
        XCTAssertNotNil(bitDifference(.zeros([2]), .zeros([2, 1])))
    }

    func testRelativeDifference() {
        XCTAssertEqual(relativeDifference(Tensor([3.0, 4]), Tensor([0.0, 4])), 0.75)
        XCTAssertEqual(relativeDifference(.zeros([2]), .zeros([2])), 0)
        XCTAssertTrue(relativeDifference(Tensor([Double.nan]), Tensor([1.0])).isNaN)
    }

    func testRandomTensorsDependOnTheSeedAlone() {
        assertIdentical(randomTensor([3, 2], seed: 4), randomTensor([3, 2], seed: 4))
        XCTAssertNotNil(bitDifference(randomTensor([3, 2], seed: 4), randomTensor([3, 2], seed: 5)))
        let whole = randomIntegers([1000], in: -2..<3).scalars(as: Int.self)
        XCTAssertEqual(Set(whole), [-2, -1, 0, 1, 2])
    }

    func testTemporaryDirectoryGoes() throws {
        var path = ""
        try withTemporaryDirectory {
            path = $0
            XCTAssertEqual(access(path, F_OK), 0)
        }
        XCTAssertNotEqual(access(path, F_OK), 0)
    }

    func testProcesses() throws {
        let shell = try runProcess("/bin/sh", ["-c", "echo out; echo err >&2; exit $CODE"], environment: ["CODE": "3"])
        XCTAssertEqual([shell.output, shell.errors], ["out\n", "err\n"])
        XCTAssertEqual(shell.status, 3)
        XCTAssertFalse(shell.signaled)
        let slow = try runProcess("/bin/sleep", ["20"], limit: 0.2)
        XCTAssertTrue(slow.signaled)
    }

    func testFixturesNameWhatIsMissing() throws {
        assertThrowsTorchError(try FixtureFile("no-such.safetensors")) { assertContains("\($0)", "no-such.safetensors") }
        let fixture = try FixtureFile("generators.safetensors")
        assertThrowsTorchError(try fixture.tensor("nothing")) { assertContains("\($0)", "no tensor 'nothing'; there are") }
        XCTAssertEqual(fixture.metadata["torch"], "2.15.0")
    }
}
