import DenseComparison
import DenseReference
import TestSupport
import Torch
import XCTest

@testable import FOPCore

/// Cholesky, then a jitter relative to the trace, then float64, then the last good inverse: section 6 of the algorithm.
final class InverseLadderTests: SmallTensorTestCase {
    func testAPositiveDefiniteMatrixIsInvertedAsItIs() {
        let X = randomTensor([20, 6], dtype: .float64)
        let matrix = X.transposed().matmul(X)
        let (inverse, outcome) = robustInverse(matrix, last: nil)
        XCTAssertEqual(outcome, .cholesky)
        assertReference(inverse, Matrix(6, 6, matrix.scalars()).inverse.values)
    }

    func testASingularMatrixGetsJitter() {
        for dtype in [DType.float32, .float64] {
            for scale in [1e-12, 1, 1e12] {
                let matrix = Tensor.full([4, 4], scale, dtype: dtype)
                let (inverse, outcome) = robustInverse(matrix, last: nil)
                XCTAssertEqual(outcome, .jitter, "\(dtype), \(scale)")
                assertUsable(inverse)
                // On what the matrix does not see, it is 1 / jitter; on what it sees, its own inverse.
                let ones = Tensor.ones([4, 1], dtype: dtype)
                let quotient = ones.inner(inverse.matmul(ones)).item(as: Double.self) * scale
                XCTAssertEqual(quotient, 1, accuracy: dtype == .float64 ? 1e-5 : 0.3, "\(dtype), \(scale)")
            }
        }
    }

    /// Rounding leaves a tiny positive pivot in some of them, which Cholesky alone takes for a positive definite matrix.
    func testAMatrixThatIsSingularUpToRoundingGetsJitter() {
        for dtype in [DType.float32, .float64] {
            for size in 2...6 {
                for seed in 0..<20 {
                    let row = randomTensor([1, size], seed: UInt64(seed), dtype: dtype)
                    let (inverse, outcome) = robustInverse(row.transposed().matmul(row), last: nil)
                    XCTAssertEqual(outcome, .jitter, "\(dtype), \(size) rows, seed \(seed)")
                    assertUsable(inverse)
                }
            }
        }
    }

    /// What is small beside the rest, but exact, is no rounding.
    func testEntriesOfVeryDifferentSizeAreInvertedAsTheyAre() {
        let (inverse, outcome) = robustInverse(Tensor([1e8, 1, 1e-8]).to(.float32).diagonalMatrix(), last: nil)
        XCTAssertEqual(outcome, .cholesky)
        assertClose(inverse.diagonal(), [1e-8, 1, 1e8], rtol: 1e-6, atol: 0)
    }

    func testAnIndefiniteMatrixGetsJitter() {
        let (inverse, outcome) = robustInverse(Tensor([1.0, 0, 0, -1e-5], shape: [2, 2]), last: nil)
        XCTAssertEqual(outcome, .jitter)
        assertUsable(inverse)
    }

    /// Here the mean of the diagonal overflows in float32.
    func testFloat64IsTheNextStep() {
        let matrix = Tensor.full([8, 8], 2e38, dtype: .float32)
        let (inverse, outcome) = robustInverse(matrix, last: nil)
        XCTAssertEqual(outcome, .float64)
        XCTAssertEqual(inverse.dtype, .float32)
        assertUsable(inverse)
    }

    func testTheLastGoodInverseIsKept() {
        let last = Tensor([2.0, 1, 1, 2], shape: [2, 2])
        let negative = Tensor([1.0, 0, 0, -1], shape: [2, 2])
        let notANumber = Tensor([1.0, .nan, .nan, 1], shape: [2, 2])
        for matrix in [negative, notANumber, Tensor.zeros([2, 2], dtype: .float64)] {
            let (inverse, outcome) = robustInverse(matrix, last: last)
            XCTAssertEqual(outcome, .kept)
            assertIdentical(inverse, last)
        }
    }

    /// Cholesky works here, but one element of the inverse is 1e40, beyond float32.
    func testAnInverseThatOverflowsIsNotTaken() {
        let matrix = Tensor([1e-36, 1e-34, 1e-34, 1.0001e-32], shape: [2, 2]).to(.float32)
        let (inverse, outcome) = robustInverse(matrix, last: nil)
        XCTAssertEqual(outcome, .jitter)
        assertUsable(inverse)
    }

    func testWithoutALastInverseItIsTheIdentity() {
        let (inverse, outcome) = robustInverse(Tensor.zeros([3, 2, 2]), last: nil)
        XCTAssertEqual(outcome, .kept)
        assertIdentical(inverse, Tensor.stacked([Tensor]([.identity(2), .identity(2), .identity(2)])))
    }

    /// One bad matrix of a batch of groups.
    func testABatchOfMatrices() {
        let good = Tensor([2.0, 0, 0, 4], shape: [2, 2]).to(.float32)
        let singular = Tensor.ones([2, 2])
        let (inverse, outcome) = robustInverse(Tensor.stacked([good, singular]), last: nil)
        XCTAssertEqual(outcome, .jitter)
        assertUsable(inverse)
        assertClose(inverse.selected(0, 0), [0.5, 0, 0, 0.25], rtol: 1e-3, atol: 1e-3)
    }

    // MARK: Whole blocks

    /// Singular, zero, of rank one, huge or tiny factors, with and without damping: every product is finite, every
    /// outcome counted.
    func testEveryFactorGivesAFiniteStep() {
        var outcomes: [InverseOutcome: Int] = [:]
        for (name, A, G) in factorPairs {
            // 1 / F would be above what float32 holds.
            for damping in name.contains("1e-30") ? [1e-8, 1e-2, 1e4] : [0, 1e-8, 1e-2, 1e4] {
                let block = KroneckerBlock(LinearGeometry(outputs: 3, features: 4, hasBias: false))
                block.load(["input_factor": A, "output_factor": G])
                let found = block.updateInverse(damping: damping)
                XCTAssertEqual(found.count, 2)
                for outcome in found { outcomes[outcome, default: 0] += 1 }
                let first = randomTensor([3, 4], seed: 1)
                for second in [randomTensor([3, 4], seed: 2), first, -first] {
                    let step = projectFisherOrthogonally(
                        [first, second], metric: block.fisherProduct, preconditioner: block.precondition)
                    XCTAssertTrue(
                        step.direction().isFinite().all().item(as: Bool.self), "\(name), damping \(damping): \(found)")
                }
            }
        }
        XCTAssertGreaterThan(outcomes[.cholesky] ?? 0, 0)
        XCTAssertGreaterThan(outcomes[.jitter] ?? 0, 0)
        XCTAssertGreaterThan(outcomes[.kept] ?? 0, 0)
    }

    /// The damping is split so that both factors are invertible, whatever their ratio.
    func testTheSplitOfTheDampingStaysInRange() {
        for (left, right) in [(1e12, 1e-30), (1e-30, 1e12), (1e30, 1e-30), (1e-36, 1e36)] {
            let A = Tensor.identity(2) * left
            let G = Tensor.identity(2) * right
            let split = splitDamping(1e-2, input: A, output: G)
            let pi = (left / right).squareRoot()
            assertReference(split.input, pi * 0.1, "\(left) and \(right)")
            assertReference(split.output, 0.1 / pi, "\(left) and \(right)")
        }
    }

    private var factorPairs: [(String, Tensor, Tensor)] {
        func factors(_ size: Int) -> [(String, Tensor)] {
            let X = randomTensor([size, size], seed: UInt64(size))
            let full = X.transposed().matmul(X)
            let row = randomTensor([1, size], seed: 9)
            let one = row.transposed().matmul(row)
            return [
                ("full", full), ("zero", full.zerosLike()), ("rank one", one), ("ones", full.onesLike()),
                ("1e-12", full * 1e-12), ("1e12", full * 1e12), ("rank one * 1e-12", one * 1e-12),
                ("rank one * 1e12", one * 1e12), ("1e-30", full * 1e-30),
            ]
        }
        return factors(4).flatMap { left in factors(3).map { ("\(left.0) and \($0.0)", left.1, $0.1) } }
    }

    private func assertUsable(_ inverse: Tensor, line: UInt = #line) {
        XCTAssertTrue(inverse.isFinite().all().item(as: Bool.self), line: line)
        XCTAssertTrue(inverse.diagonal().isGreater(than: 0).all().item(as: Bool.self), line: line)
        XCTAssertTrue(inverse.isClose(to: inverse.transposed()), line: line)
    }
}
