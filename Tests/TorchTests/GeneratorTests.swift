import TestSupport
import Torch
import XCTest

/// Seeded random numbers are torch's own, bit for bit.
final class GeneratorTests: XCTestCase {
    private static let seeds: [UInt64] = [0, 1, 42, 1 << 63 + 5]

    /// What Reference/fixtures/generators.py draws, in its order.
    private func draws(_ generator: Generator) -> [(String, Tensor)] {
        [
            ("uniform", .uniform([10], from: -1, to: 3, generator: generator)),
            ("normal-few", .normal([5], mean: 1, standardDeviation: 2, generator: generator)),
            ("state", generator.state),
            ("normal-many", .normal([100], generator: generator)),
            ("double", .normal([20], dtype: .float64, generator: generator)),
            ("integers", .randomIntegers([20], in: -3..<9, generator: generator)),
            ("permutation", .randomPermutation(30, generator: generator)),
            ("end", generator.state),
        ]
    }

    func testNumbersAreTorchs() throws {
        let fixture = try FixtureFile("generators.safetensors")
        XCTAssertEqual(fixture.tensors.count, 8 * GeneratorTests.seeds.count)
        for seed in GeneratorTests.seeds {
            for (name, tensor) in draws(Generator(seed: seed)) {
                assertIdentical(tensor, try fixture.tensor("\(seed)/\(name)"), "\(seed)/\(name)")
            }
        }
    }

    func testNumbersAreTorchsThroughTheStableGate() throws {
        let fixture = try FixtureFile("generators.safetensors")
        try withGate(.stable) {
            for (name, tensor) in draws(Generator(seed: 42)) {
                assertIdentical(tensor, try fixture.tensor("42/\(name)"), name)
            }
        }
    }

    func testStateGoesOnBitForBit() throws {
        let generator = Generator(seed: 7)
        // An odd number of normals leaves one in the generator's hand, which the state must carry.
        _ = Tensor.normal([3], generator: generator)
        let state = generator.state
        let expected = (0..<3).map { _ in Tensor.normal([7], generator: generator) }
        let other = Generator(seed: 0)
        try other.restore(state)
        assertIdentical((0..<3).map { _ in Tensor.normal([7], generator: other) }, expected)
        generator.state = state
        assertIdentical((0..<3).map { _ in Tensor.normal([7], generator: generator) }, expected)
    }

    func testStateIsACopy() {
        let generator = Generator(seed: 7)
        let state = generator.state
        let before = state.cloned()
        _ = Tensor.normal([3], generator: generator)
        assertIdentical(state, before)
        XCTAssertFalse(generator.state.isEqual(to: before))
    }

    func testWrongStateThrowsAndChangesNothing() {
        let generator = Generator(seed: 7)
        let before = generator.state
        for wrong in [Tensor.zeros([4], dtype: .uint8), .zeros([5056]), .zeros([0], dtype: .uint8), .undefined] {
            assertThrowsTorchError(try generator.restore(wrong)) { error in
                guard case .stateMismatch = error else { return XCTFail("\(error)") }
            }
        }
        assertIdentical(generator.state, before)
    }

    func testSeedStartsOver() {
        let generator = Generator(seed: 3)
        let first = Tensor.uniform([4], generator: generator)
        generator.seed(3)
        assertIdentical(Tensor.uniform([4], generator: generator), first)
    }

    func testDefaultGeneratorIsTheOneThatOperatorsUse() {
        let state = Generator.default.state
        defer { Generator.default.state = state }
        Generator.default.seed(5)
        let expected = Tensor.uniform([3])
        Generator.default.seed(5)
        let drawn = Tensor.zeros([3])
        _ = call(Operator("aten::uniform_"), file: #fileID, line: #line) {
            $0.push(drawn)
            $0.push(0.0)
            $0.push(1.0)
            $0.pushNone()
        }
        assertIdentical(drawn, expected)
    }

    func testMissingDevice() throws {
        assertThrowsTorchError(try Generator(seed: 0, device: .mps)) { error in
            guard case .deviceUnavailable = error else { return XCTFail("\(error)") }
        }
        XCTAssertEqual(try Generator(seed: 0, device: .cpu).state.shape, Generator(seed: 0).state.shape)
    }

    func testGeneratorsAreFreed() {
        for gate in [OperatorGate.fast, .stable] {
            withGate(gate) {
                assertNoMemoryGrowth { _ = Tensor.uniform([1], generator: Generator(seed: 1)) }
            }
        }
    }

    func testNorms() {
        let x = Tensor([3.0, -4.0])
        XCTAssertEqual(x.norm(p: 1).item(as: Double.self), 7)
        XCTAssertEqual(x.norm(p: 2).item(as: Double.self), 5)
        XCTAssertEqual(x.norm(p: .infinity).item(as: Double.self), 4)
        XCTAssertEqual(x.reshaped([2, 1]).norm(p: 1, [0], keepingDimensions: true).shape, [1, 1])
    }
}
