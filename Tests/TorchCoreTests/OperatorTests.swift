import TestSupport
import Torch
import XCTest

/// Every operator against torch's own results, and through the wheel's gate against the fast one.
final class OperatorTests: XCTestCase {
    private static let dtypes = ["float32", "float64"]
    /// LibTorch has two kernels, for a number and for a tensor, that differ in the last bit.
    private static let roundedOtherwise = ["power-number"]
    private static func rounding(_ dtype: DType) -> Double { dtype == .float32 ? 2e-7 : 4e-16 }

    private func inputs(_ dtype: String) throws -> OperatorInputs {
        try OperatorInputs(try FixtureFile("operators.safetensors").tensors(under: "\(dtype)/input/"))
    }

    func testResultsAreTorchs() throws {
        let fixture = try FixtureFile("operators.safetensors")
        for dtype in OperatorTests.dtypes {
            let inputs = try inputs(dtype)
            for operatorCase in operatorCases {
                let expected = fixture.tensors(under: "\(dtype)/\(operatorCase.name)/")
                XCTAssertFalse(expected.isEmpty, "no reference for \(operatorCase.name)")
                let results = operatorCase.run(inputs)
                XCTAssertEqual(results.count, expected.count, operatorCase.name)
                for (index, result) in results.enumerated() {
                    let reference = try fixture.tensor("\(dtype)/\(operatorCase.name)/\(index)")
                    XCTAssertEqual(result.dtype, reference.dtype, "\(dtype) \(operatorCase.name) \(index)")
                    // A few ulp: vector instructions differ between machines.
                    let single = dtype == "float32"
                    assertClose(
                        result, reference, rtol: single ? 1e-5 : 1e-13, atol: single ? 1e-6 : 1e-14,
                        "\(dtype) \(operatorCase.name) \(index)")
                }
            }
        }
    }

    func testEveryReferenceIsTested() throws {
        let fixture = try FixtureFile("operators.safetensors")
        let tested = Set(operatorCases.map(\.name))
        let cases = Set(fixture.tensors(under: "float64/").keys.map { String($0.prefix { $0 != "/" }) })
        XCTAssertEqual(cases.subtracting(tested), ["input"])
        XCTAssertEqual(tested.count, operatorCases.count, "a name comes twice")
    }

    func testGatesAgreeBitForBit() throws {
        for dtype in OperatorTests.dtypes {
            let inputs = try inputs(dtype)
            for operatorCase in operatorCases {
                let fast = withGate(.fast) { operatorCase.run(inputs) }
                let stable = withGate(.stable) { operatorCase.run(inputs) }
                if OperatorTests.roundedOtherwise.contains(operatorCase.name) {
                    assertClose(
                        stable, fast, rtol: OperatorTests.rounding(dtype == "float32" ? .float32 : .float64), atol: 0,
                        operatorCase.name)
                } else {
                    assertIdentical(stable, fast, "\(dtype) \(operatorCase.name)")
                }
            }
        }
    }

    /// Numbers become tensors on the stable gate: types must come out as with numbers.
    func testNumbersKeepTypesInBothGates() {
        let numbers: [Double] = [2, 0.5, -3, 1e-3]
        let operations: [(String, (Tensor, Double) -> Tensor)] = [
            ("+", { $0 + $1 }), ("*", { $0 * $1 }), ("/", { $0 / $1 }), ("==", { $0 .== $1 }), ("<", { $0 .< $1 }),
            ("clamp", { $0.clamped(min: $1) }), ("power", { $0.absolute().raised(to: Swift.abs($1)) }),
        ]
        for dtype in [DType.uint8, .int8, .int16, .int32, .int64, .float16, .bfloat16, .float32, .float64] {
            for shape in [[], [3]] {
                let tensor = (Tensor([3.0, 1, 2]).to(dtype))[0..<3]
                let operand = shape.isEmpty ? tensor[0] : tensor
                for number in numbers where dtype != .uint8 || number > 0 {
                    for (name, operation) in operations {
                        let fast = withGate(.fast) { operation(operand, number) }
                        let stable = withGate(.stable) { operation(operand, number) }
                        let title = "\(dtype) \(shape) \(name) \(number)"
                        if name == "power", number == 0.5, dtype == .float64 || dtype == .float32 {
                            // LibTorch knows square roots by their number; tensors' powers are the processor's.
                            XCTAssertEqual(stable.dtype, fast.dtype, title)
                            assertClose(stable, fast, rtol: OperatorTests.rounding(dtype), atol: 0, title)
                        } else {
                            assertIdentical(stable, fast, title)
                        }
                    }
                }
            }
        }
    }

    func testEqualAndClose() {
        for gate in [OperatorGate.fast, .stable] {
            withGate(gate) {
                let a = Tensor([1.0, 2.0])
                XCTAssertTrue(a.isEqual(to: Tensor([1.0, 2.0])))
                XCTAssertFalse(a.isEqual(to: Tensor([1.0, 2.0000001])))
                XCTAssertFalse(a.isEqual(to: Tensor([1.0, 2.0, 3.0])))
                XCTAssertTrue(a.isClose(to: Tensor([1.0, 2.0000001])))
                XCTAssertFalse(a.isClose(to: Tensor([1.0, 2.001])))
                XCTAssertTrue(a.isClose(to: Tensor([1.0, 2.001]), relative: 1e-2))
                let nan = Tensor([Double.nan])
                XCTAssertFalse(nan.isClose(to: nan))
                XCTAssertTrue(nan.isClose(to: nan, equalNaN: true))
            }
        }
    }

    func testEigenvectors() throws {
        let definite = try inputs("float64").definite
        let (values, vectors) = definite.symmetricEigen()
        let product = vectors.matmul(values.diagonalMatrix()).matmul(vectors.transposed())
        assertClose(product, definite, rtol: 0, atol: 1e-12)
        let solved = definite.cholesky().factor.choleskyInverse().matmul(definite)
        assertClose(solved, .identity(4, dtype: .float64), rtol: 0, atol: 1e-12)
    }

    func testLikeAndEmpty() {
        let base = Tensor([1.0, 2.0, 3.0], shape: [3]).to(.float16)
        assertIdentical(base.zerosLike(), Tensor.zeros([3], dtype: .float16))
        assertIdentical(base.onesLike(), Tensor.ones([3], dtype: .float16))
        XCTAssertEqual(base.emptyLike().shape, [3])
        XCTAssertEqual(Tensor.empty([2, 0]).scalars(as: Float.self), [])
    }

    func testCopyAndViewsShareMemory() {
        let matrix = Tensor.zeros([2, 2])
        let view = matrix.transposed()
        view[0, 1].fill(3)
        XCTAssertEqual(matrix.scalars(as: Float.self), [0, 0, 3, 0])
        matrix.copy(from: Tensor([1, 2]))
        XCTAssertEqual(view.scalars(as: Float.self), [1, 1, 2, 2])
        let clone = matrix.cloned()
        matrix.fill(0)
        XCTAssertEqual(clone.scalars(as: Float.self), [1, 2, 1, 2])
    }
}
