import TestSupport
import Torch
import XCTest

/// Derivatives and taps.
final class AutogradTests: XCTestCase {
    private func leaf(_ values: [Double]) -> Tensor { Tensor(values).requiringGradient() }

    private func values(_ tensor: Tensor?) -> [Double]? { tensor?.scalars(as: Double.self) }

    // MARK: gradients(of:)

    func testGradientsOfSeveralInputs() {
        let (x, y) = (leaf([1, 2, 3]), leaf([4, 5, 6]))
        let found = gradients(of: [(x * y * y).sum()], withRespectTo: [x, y])
        XCTAssertEqual(values(found[0]), [16, 25, 36])
        XCTAssertEqual(values(found[1]), [8, 20, 36])
    }

    func testOutputsAreWeightedAndSummed() {
        let x = leaf([1, 2])
        let found = gradients(
            of: [x * 2, x * x], weightedBy: [Tensor([1.0, 10]), Tensor([100.0, 1000])], withRespectTo: [x])
        XCTAssertEqual(values(found[0]), [202, 4020])
    }

    func testUnusedInputs() {
        let (x, y) = (leaf([1]), leaf([1]))
        let found = gradients(of: [x.sum()], withRespectTo: [x, y])
        XCTAssertEqual(values(found[0]), [1])
        XCTAssertNil(found[1])
        assertThrowsTorchError(
            try TorchError.catching { gradients(of: [x.sum()], withRespectTo: [x, y], allowingUnused: false) }
        ) { assertContains("\($0)", "of the differentiated Tensors appears to not have been used") }
    }

    func testGraphIsFreedUnlessRetained() {
        let x = leaf([2])
        let loss = (x * x).sum()
        XCTAssertEqual(values(gradients(of: [loss], withRespectTo: [x], retainingGraph: true)[0]), [4])
        XCTAssertEqual(values(gradients(of: [loss], withRespectTo: [x])[0]), [4])
        assertThrowsTorchError(try TorchError.catching { gradients(of: [loss], withRespectTo: [x]) }) { error in
            assertContains("\(error)", "backward through the graph a second time")
            guard case .operatorFailed(_, _, let file, let line) = error else { return XCTFail("\(error)") }
            XCTAssertEqual(file, #fileID)
            XCTAssertEqual(line, #line - 4)
        }
    }

    func testSecondDerivative() {
        let x = leaf([2, 3])
        let first = gradients(of: [(x * x * x).sum()], withRespectTo: [x], creatingGraph: true)[0]!
        XCTAssertEqual(values(first), [12, 27])
        XCTAssertTrue(first.requiresGradient)
        XCTAssertEqual(values(gradients(of: [first.sum()], withRespectTo: [x])[0]), [12, 18])
    }

    func testWithoutGradientsRecordsNothing() {
        let x = leaf([2])
        let y = withoutGradients { x * x }
        XCTAssertFalse(y.requiresGradient)
        XCTAssertTrue((x * x).requiresGradient)
        XCTAssertFalse((x * x).detached().requiresGradient)
        assertThrowsTorchError(try TorchError.catching { gradients(of: [y.sum()], withRespectTo: [x]) })
    }

    func testNumericalDerivatives() {
        let functions: [(String, (Tensor) -> Tensor)] = [
            ("softplus", { $0.exponential().log1p() }), ("sin", { $0.sin() }), ("erf", { $0.erf() }),
            ("index", { $0[Tensor([0, 2, 0])] * $0[1] }), ("norm", { $0.norm() }), ("clamp", { $0.clamped(min: 0) }),
            ("power", { $0.squared().raised(to: 1.5) }), ("logSumExp", { $0.logSumExp([0]) }),
            ("variance", { $0.variance() }), ("max", { $0.max(0).values }), ("roll", { $0.rolled([1], [0]) * $0 }),
        ]
        let point = [0.3, -1.2, 2.1]
        for (name, function) in functions {
            let x = leaf(point)
            let found = values(gradients(of: [function(x).sum()], withRespectTo: [x])[0])!
            for index in point.indices {
                func value(_ step: Double) -> Double {
                    var moved = point
                    moved[index] += step
                    return function(Tensor(moved)).sum().item(as: Double.self)
                }
                XCTAssertEqual(found[index], (value(1e-5) - value(-1e-5)) / 2e-5, accuracy: 1e-8, "\(name) \(index)")
            }
        }
    }
}
