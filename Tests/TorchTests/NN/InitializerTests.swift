import TestSupport
import Torch
import XCTest

final class InitializerTests: XCTestCase {
    private func numbers() throws -> FixtureFile { try FixtureFile("initialization.safetensors") }

    private func seeded(_ numbers: FixtureFile) throws -> Generator {
        Generator(seed: try XCTUnwrap(numbers.metadata["generator-seed"].flatMap { UInt64($0) }))
    }

    /// Uniform numbers are the same bits on every machine; normal ones pass through sine and logarithm, whose last bit
    /// depends on the processor.
    func testModulesDrawTorchsNumbers() throws {
        let numbers = try numbers()
        let modules: [(name: String, exact: Bool, make: (Generator) -> Module)] = [
            ("linear", true, { Linear(5, 3, generator: $0) }),
            ("linear-no-bias", true, { Linear(7, 2, bias: false, generator: $0) }),
            ("conv1d", true, { Conv1d(3, 4, kernel: 5, generator: $0) }),
            ("conv2d", true, { Conv2d(3, 8, kernel: 3, generator: $0) }),
            ("conv2d-groups", true, { Conv2d(4, 6, kernel: (3, 2), groups: 2, generator: $0) }),
            ("conv3d", true, { Conv3d(2, 3, kernel: 2, generator: $0) }),
            ("transpose2d", true, { ConvTranspose2d(4, 6, kernel: 3, groups: 2, generator: $0) }),
            ("embedding", false, { Embedding(7, 3, paddingIndex: -1, generator: $0) }),
            ("attention", true, { MultiheadAttention(6, heads: 2, generator: $0) }),
            ("two", true, { Sequential(Linear(5, 3, generator: $0), Linear(3, 2, generator: $0)) }),
        ]
        for (name, exact, make) in modules {
            let module = make(try seeded(numbers))
            let expected = numbers.tensors(under: "module/\(name)/")
            XCTAssertEqual(module.namedParameters.map(\.name).sorted(), expected.keys.sorted(), name)
            for (key, parameter) in module.namedParameters {
                let reference = try XCTUnwrap(expected[key])
                if exact {
                    assertIdentical(parameter.value, reference, "\(name) \(key)")
                } else {
                    assertClose(parameter.value, reference, rtol: 1e-6, atol: 1e-6, "\(name) \(key)")
                }
                XCTAssertTrue(parameter.value.requiresGradient, "\(name) \(key)")
            }
        }
    }

    func testTheDefaultGeneratorIsTorchs() throws {
        let numbers = try numbers()
        Generator.default.seed(0)
        assertIdentical(Linear(5, 3).weight.value, try numbers.tensor("module/linear/weight"))
    }

    func testInitializersDrawTorchsNumbers() throws {
        let cases: [(name: String, shape: [Int], exact: Bool, initializer: Initializer)] = [
            ("uniform", [5, 7], true, .uniform(from: -2, to: 3)),
            ("normal", [5, 7], false, .normal(mean: 1, standardDeviation: 2)),
            ("normal-short", [3, 2], false, .normal()),
            ("truncated-normal", [9, 7], false, .truncatedNormal(standardDeviation: 1.5, from: -1, to: 2)),
            ("truncated-normal-tail", [9, 7], false, .truncatedNormal(from: 1.5, to: 3)),
            ("xavier-uniform", [4, 3, 2, 5], true, .xavierUniform(gain: 1.7)),
            ("xavier-normal", [4, 3, 2, 5], false, .xavierNormal()),
            ("kaiming-uniform", [4, 3, 2, 5], true, .kaimingUniform()),
            (
                "kaiming-uniform-out", [4, 3, 2, 5], true,
                .kaimingUniform(fan: .out, nonlinearity: .leakyReLU(negativeSlope: 0.2))
            ),
            ("kaiming-normal", [4, 3, 2, 5], false, .kaimingNormal(nonlinearity: .tanh)),
            ("kaiming-normal-out", [4, 3, 2, 5], false, .kaimingNormal(fan: .out)),
            ("orthogonal-wide", [4, 3, 2], false, .orthogonal(gain: 2.0.squareRoot())),
            ("orthogonal-tall", [7, 3], false, .orthogonal()),
        ]
        let numbers = try numbers()
        for (name, shape, exact, initializer) in cases {
            for dtype in [DType.float32, .float64] {
                let actual = initializer(shape, dtype: dtype, generator: try seeded(numbers))
                let expected = try numbers.tensor("\(dtype)/\(name)")
                XCTAssertEqual(actual.dtype, dtype)
                if exact {
                    assertIdentical(actual, expected, name)
                } else {
                    let tolerance = dtype == .float32 ? 1e-6 : 1e-12
                    assertClose(actual, expected, rtol: tolerance, atol: tolerance, "\(dtype) \(name)")
                }
            }
        }
    }

    func testConstantsAndGains() {
        assertIdentical(Initializer.zeros([2, 2]), Tensor.zeros([2, 2]))
        assertIdentical(Initializer.ones([2, 2]), Tensor.ones([2, 2]))
        assertClose(Initializer.constant(2.5)([3]), [2.5, 2.5, 2.5])
        let gains: [(Initializer.Nonlinearity, Double)] = [
            (.linear, 1), (.sigmoid, 1), (.tanh, 5 / 3), (.relu, 1.4142135623730951), (.selu, 0.75),
            (.leakyReLU(), 1.4141428569978354), (.leakyReLU(negativeSlope: 1), 1),
        ]
        for (nonlinearity, gain) in gains { XCTAssertEqual(nonlinearity.gain, gain, accuracy: 1e-15) }
    }

    func testOrthogonalHasOrthonormalRowsOrColumns() {
        for (shape, transposed) in [([3, 8], false), ([8, 3], true)] {
            let value = Initializer.orthogonal()(shape, dtype: .float64, generator: Generator(seed: 5))
            let matrix = transposed ? value.transposed() : value
            assertClose(matrix.mm(matrix.transposed()), Tensor.identity(3, dtype: .float64), rtol: 0, atol: 1e-12)
        }
    }

    func testTruncatedNormalStaysInside() {
        for (low, high) in [(-0.5, 0.7), (1.0, 1.2)] {
            let value = Initializer.truncatedNormal(from: low, to: high)([4000], generator: Generator(seed: 2))
            XCTAssertGreaterThanOrEqual(value.min().item(as: Double.self), Double(Float(low)))
            XCTAssertLessThanOrEqual(value.max().item(as: Double.self), Double(Float(high)))
            // The mean of the truncated distribution: (phi(a) - phi(b)) / (Phi(b) - Phi(a)).
            func density(_ x: Double) -> Double { exp(-x * x / 2) / (2 * Double.pi).squareRoot() }
            func cumulative(_ x: Double) -> Double { (1 + erf(x / 2.0.squareRoot())) / 2 }
            let mean = (density(low) - density(high)) / (cumulative(high) - cumulative(low))
            XCTAssertEqual(value.mean().item(as: Double.self), mean, accuracy: 0.02 * (high - low))
        }
    }

    func testAParameterIsWrittenInPlace() {
        let layer = Linear(3, 2)
        let memory = layer.weight.value
        layer.weight.initialize(.constant(4))
        assertClose(memory, [4, 4, 4, 4, 4, 4])
        XCTAssertTrue(layer.weight.value.requiresGradient)
    }

    func testFansNeedTwoDimensions() {
        for initializer in [Initializer.kaimingNormal(), .xavierUniform(), .orthogonal()] {
            assertThrowsTorchError(try TorchError.catching { initializer([5]) }) { error in
                assertContains(error.description, "[5]")
                assertContains(error.description, "InitializerTests.swift")
            }
        }
    }
}
