import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch
import XCTest

/// What must hold whatever the input (the table in section 3 of the algorithm), on random and degenerate gradients and
/// factors.
final class ProjectionPropertyTests: SmallTensorTestCase {
    private let shapes = [(1, 1), (1, 5), (4, 1), (3, 4), (7, 5)]

    /// Calls `body` with every combination of gradients, factors and types, on changing shapes, scales and damping,
    /// with a tolerance for the type.
    private func forEachCase(
        _ gradients: [ProjectionCase.Gradients] = ProjectionCase.Gradients.allCases, seeds: Int = 4,
        dampings: [Double] = [0.3, 0.03], _ body: (ProjectionCase, Double) -> Void
    ) {
        let scales: [(Double, Double)] = [(1, 1), (1e-6, 1), (1e6, 1), (1, 1e-6), (1, 1e6), (1e-3, 1e6)]
        var choice = SplitMix(seed: 42)
        for (kind, factors, dtype) in combinations(gradients) {
            for _ in 0..<seeds {
                let (outputs, inputs) = shapes.randomElement(using: &choice)!
                let (scale, factorScale) = scales.randomElement(using: &choice)!
                let test = ProjectionCase(
                    kind, factors, outputs: outputs, inputs: inputs, dtype: dtype, seed: choice.next() % 1_000_000,
                    scale: scale, factorScale: factorScale,
                    relativeDamping: dampings.randomElement(using: &choice)!)
                body(test, dtype == .float64 ? 1e-10 : 1e-4)
            }
        }
    }

    private func combinations(
        _ gradients: [ProjectionCase.Gradients]
    ) -> [(ProjectionCase.Gradients, ProjectionCase.Factors, DType)] {
        gradients.flatMap { kind in
            ProjectionCase.Factors.allCases.flatMap { factors in
                [DType.float32, .float64].map { (kind, factors, $0) }
            }
        }
    }

    func testTheCorrectionIsFisherOrthogonalToTheMean() {
        forEachCase { test, tolerance in
            let s = number(test.step().scalars.s)
            let (average, difference) = (test.average, test.difference)
            let perpendicular = combine(difference, -s, average)
            let image = test.F * average
            let size = (inner(average, image) * inner(difference, test.F * difference)).squareRoot()
            // Sums of terms as large as this are rounded.
            let terms = (inner(average, average) * inner(difference, difference)).squareRoot() * test.F.trace
            let rounding = 1e-2 * tolerance * terms
            XCTAssertLessThanOrEqual(abs(inner(perpendicular, image)), tolerance * size + rounding, test.title)
        }
    }

    func testTheCorrectionIsOrthogonalInTheDampedMetricWhereThatIsChosen() {
        forEachCase { test, tolerance in
            let s = number(test.step(metric: .damped).scalars.s)
            let perpendicular = combine(test.difference, -s, test.average)
            let image = test.M * test.average
            let size = (inner(test.average, image) * inner(test.difference, test.M * test.difference)).squareRoot()
            XCTAssertLessThanOrEqual(abs(inner(perpendicular, image)), tolerance * size, test.title)
        }
    }

    func testEqualGradientsGiveKFAC() {
        forEachCase([.equal, .bothZero], seeds: 8) { test, _ in
            let step = test.step()
            XCTAssertEqual(number(step.scalars.s), 0, test.title)
            XCTAssertEqual(number(step.scalars.beta), 0, test.title)
            XCTAssertEqual(number(step.scalars.eta), 1, accuracy: 2e-12, test.title)
            let plain = test.block.precondition(test.first)
            assertReference(step.direction(), plain.scalars(as: Double.self), below: 2e-12, test.title)
            assertIdentical(test.step(beta: .zero).direction(), plain, test.title)
        }
    }

    /// Gradients along one line differ by nothing that is orthogonal to their mean, but for rounding, which must not be
    /// followed.
    func testParallelGradientsGiveKFAC() {
        forEachCase([.parallel, .antiparallel, .secondZero], seeds: 8) { test, _ in
            let plain = test.M.solve([test.average])[0]
            let bound = test.first.dtype == .float64 ? 1e-9 : 0.1
            assertReference(test.step().direction(), plain, below: bound, test.title)
        }
    }

    /// A difference that is nothing but the rounding of the gradients has no weight, whichever way it points.
    func testGradientsThatAreEqualButForRoundingGiveKFAC() {
        forEachCase([.equal], seeds: 8) { test, _ in
            let isDouble = test.first.dtype == .float64
            let noise = randomTensor(test.first.shape, seed: 5, dtype: test.first.dtype)
            let second = test.first + test.first * noise * (isDouble ? 1e-15 : 1e-7)
            let step = projectFisherOrthogonally(
                [test.first, second], metric: test.block.fisherProduct, preconditioner: test.block.precondition)
            let plain = test.block.precondition(test.first).scalars(as: Double.self)
            assertReference(step.direction(), plain, below: isDouble ? 1e-9 : 0.1, test.title)
        }
    }

    func testOppositeGradientsGiveNoStep() {
        forEachCase([.opposite]) { test, _ in
            XCTAssertEqual(number(test.step().direction().absolute().max()), 0, test.title)
        }
    }

    func testCauchySchwarz() {
        forEachCase { test, tolerance in
            let scalars = test.step().scalars
            let (B, D, E, beta) = (number(scalars.B), number(scalars.D), number(scalars.E), number(scalars.beta))
            // What rounding leaves of a g_perp that should be 0.
            let rounding = tolerance * B * inner(test.difference, test.M.solve([test.difference])[0])
            XCTAssertLessThanOrEqual(D * D, B * max(E, 0) * (1 + tolerance) + tolerance * rounding, test.title)
            XCTAssertLessThanOrEqual(beta * beta * E, B * (1 + tolerance), test.title)
        }
    }

    /// With gradients along one line and hardly any damping g_perp is nothing but rounding, which the bound must hold
    /// all the same.
    func testTheCorrectionIsNeverLongerThanTheMeanStep() {
        forEachCase([.parallel, .antiparallel, .secondZero], seeds: 12, dampings: [1e-3, 1e-4, 1e-5]) { test, _ in
            let step = test.step()
            let (B, E, beta) = (number(step.scalars.B), number(step.scalars.E), number(step.scalars.beta))
            XCTAssertLessThanOrEqual(beta * beta * max(E, 0), B * (1 + 1e-4), test.title)
            let eta = number(step.scalars.eta)
            XCTAssertTrue(eta >= 0.5 - 1e-4 && eta <= 1 + 1e-4, "eta \(eta): \(test.title)")
        }
    }

    func testTheLengthIsBetweenOneHalfAndOne() {
        forEachCase { test, tolerance in
            let eta = number(test.step().scalars.eta)
            XCTAssertGreaterThanOrEqual(eta, 0.5 - tolerance, test.title)
            XCTAssertLessThanOrEqual(eta, 1 + tolerance, test.title)
            XCTAssertEqual(number(test.step(eta: .sum).scalars.eta), 2 * eta, accuracy: 1e-6, test.title)
            XCTAssertEqual(number(test.step(eta: .off).scalars.eta), 1, test.title)
        }
    }

    /// g_perp and beta both change sign: not even a rounding differs.
    func testExchangingTheGradientsChangesNothing() {
        forEachCase { test, _ in
            var other = test
            (other.first, other.second) = (test.second, test.first)
            assertIdentical(other.step().direction(), test.step().direction(), test.title)
        }
    }

    /// Without damping, multiplying the loss by c divides d by c, and leaves s, beta and eta.
    func testLossScale() {
        for dtype in [DType.float32, .float64] {
            for seed in 0..<6 {
                for scale in [3.7, 1e-3, 1e6, 1e-6] {
                    // One number has no direction that is orthogonal to it.
                    let (outputs, inputs) = shapes[1 + seed % 4]
                    func make(_ scale: Double) -> ProjectionCase {
                        ProjectionCase(
                            .random, .full, outputs: outputs, inputs: inputs, dtype: dtype, seed: UInt64(seed),
                            scale: scale, relativeDamping: 0)
                    }
                    let (test, scaled) = (make(1), make(scale))
                    let (step, other) = (test.step(), scaled.step())
                    let expected = step.direction().scalars(as: Double.self).map { $0 / scale }
                    let bound = dtype == .float64 ? 1e-8 : 2e-3
                    assertReference(other.direction(), expected, below: bound, scaled.title)
                    let size = number(step.scalars.B / step.scalars.E).squareRoot()
                    for (one, two, allowed) in [
                        (step.scalars.s, other.scalars.s, bound / size),
                        (step.scalars.beta, other.scalars.beta, bound * size),
                        (step.scalars.eta, other.scalars.eta, bound),
                    ] {
                        XCTAssertEqual(number(one), number(two), accuracy: allowed, scaled.title)
                    }
                }
            }
        }
    }

    func testTheStepDescends() {
        forEachCase { test, tolerance in
            let step = test.step()
            let gain = inner(test.average, step.direction().scalars(as: Double.self))
            let size = number(step.scalars.B)
            XCTAssertGreaterThanOrEqual(gain, -tolerance * size, test.title)
            XCTAssertEqual(gain, number(step.scalars.gain), accuracy: tolerance * size, test.title)
        }
    }

    func testTheDenseComputationGivesTheSame() {
        forEachCase([.random, .opposite, .rankOne, .sparse], seeds: 8) { test, tolerance in
            // A single row or column leaves random gradients parallel in part: nothing to compare but rounding.
            guard test.first.count > 1 else { return }
            let (step, expected) = (test.step(), test.expected)
            let difference = inner(test.difference, test.M.solve([test.difference])[0])
            guard expected.E > 1e-6 * difference || expected.B == 0 else { return }
            assertReference(step.direction(), expected.direction, below: tolerance, test.title)
        }
    }

    func testNothingIsEverInfinite() {
        forEachCase(dampings: [0.3, 1e-3, 0]) { test, _ in
            let step = test.step()
            let values = step.direction().scalars(as: Double.self) + step.scalars.all.map(number)
            XCTAssertTrue(values.allSatisfy(\.isFinite), "\(test.title): \(step.scalars)")
        }
    }
}

extension ProjectionCase {
    var average: [Double] { combine(first.scalars(), 1, second.scalars()).map { $0 / 2 } }
    var difference: [Double] { combine(first.scalars(), -1, second.scalars()) }
}

extension ProjectionScalars {
    var all: [Tensor] { [s, beta, eta, B, D, E] }
}

private func number(_ tensor: Tensor) -> Double { tensor.item(as: Double.self) }
