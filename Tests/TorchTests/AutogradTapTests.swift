import TestSupport
import Torch
import XCTest

/// Taps: gradients of layer outputs, picked up on the way.
final class AutogradTapTests: XCTestCase {
    private final class Received {
        var gradients: [Tensor] = []
    }

    func testTapGetsTheGradientOncePerBackwardPass() {
        let anchor = GradientAnchor()
        let received = Received()
        let x = Tensor([1.0, 2, 3])
        let tapped = anchor.tap(x) { received.gradients.append($0) }
        assertIdentical(tapped, x)
        let loss = (tapped * tapped).sum()
        XCTAssertTrue(received.gradients.isEmpty)
        let found = gradients(of: [loss], withRespectTo: [anchor.tensor], retainingGraph: true)
        XCTAssertNil(found[0])
        assertIdentical(received.gradients, [Tensor([2.0, 4, 6])])
        _ = gradients(of: [loss], withRespectTo: [anchor.tensor])
        assertIdentical(received.gradients, [Tensor([2.0, 4, 6]), Tensor([2.0, 4, 6])])
    }

    func testTapsInsideADeeperGraph() {
        let anchor = GradientAnchor()
        var seen: [String: Tensor] = [:]
        let (a, b) = (randomTensor([3, 4], seed: 1, dtype: .float64), randomTensor([4, 2], seed: 2, dtype: .float64))
        let x = randomTensor([5, 3], seed: 3, dtype: .float64)
        let first = anchor.tap(x.matmul(a)) { seen["first"] = $0 }
        let second = anchor.tap(first.sin().matmul(b)) { seen["second"] = $0 }
        _ = gradients(of: [(second * second).sum()], withRespectTo: [anchor.tensor])
        let output = x.matmul(a)
        let outer = output.sin().matmul(b) * 2
        assertClose(seen["second"], outer, rtol: 1e-13)
        assertClose(seen["first"], outer.matmul(b.transposed()) * output.cos(), rtol: 1e-12)
    }

    func testNoWeightGradientIsComputed() {
        let anchor = GradientAnchor()
        let (inner, outer) = (Linear(3, 4), Linear(4, 2))
        for parameter in inner.parameters + outer.parameters { parameter.requiresGradient = false }
        let received = Received()
        let hidden = anchor.tap(inner(randomTensor([5, 3]))) { received.gradients.append($0) }
        XCTAssertTrue(hidden.requiresGradient, "through the anchor")
        _ = gradients(of: [outer(hidden).sum()], withRespectTo: [anchor.tensor])
        assertClose(
            received.gradients, [Tensor.ones([5, 2]).matmul(outer.weight.value)])
    }

    /// A weight gradient that autograd skips although the weight asks for one: its own tap stays silent.
    func testWeightsAreNotVisited() {
        let anchor = GradientAnchor()
        let weight = randomTensor([3, 4]).requiringGradient()
        let onWeight = GradientAnchor()
        var weightGradients = 0
        let watched = onWeight.tap(weight * 1) { _ in weightGradients += 1 }
        var outputGradients = 0
        let output = anchor.tap(randomTensor([5, 3]).matmul(watched)) { _ in outputGradients += 1 }
        let loss = output.sum()
        _ = gradients(of: [loss], withRespectTo: [anchor.tensor], retainingGraph: true)
        XCTAssertEqual([outputGradients, weightGradients], [1, 0])
        // And it speaks when the weight is asked for.
        _ = gradients(of: [loss], withRespectTo: [weight])
        XCTAssertEqual(weightGradients, 1)
    }

    func testOneLayerUsedTwice() {
        let anchor = GradientAnchor()
        let received = Received()
        let layer = Linear(2, 2)
        func tapped(_ x: Tensor) -> Tensor { anchor.tap(layer(x)) { received.gradients.append($0) } }
        _ = gradients(of: [tapped(tapped(randomTensor([3, 2]))).sum()], withRespectTo: [anchor.tensor])
        // From the output inwards.
        let ones = Tensor.ones([3, 2])
        assertClose(received.gradients, [ones, ones.matmul(layer.weight.value)])
    }

    func testATapWithoutAPartInTheLossStaysSilent() {
        let anchor = GradientAnchor()
        let received = Received()
        let used = anchor.tap(Tensor([1.0])) { received.gradients.append($0) }
        let unused = anchor.tap(Tensor([1.0])) { _ in XCTFail("not part of the loss") }
        _ = gradients(of: [used.sum()], withRespectTo: [anchor.tensor])
        XCTAssertEqual(received.gradients.count, 1)
        XCTAssertTrue(unused.isDefined)
    }

    func testReceivedGradientHasNoGraph() {
        let anchor = GradientAnchor()
        var enabled = true
        var requires = true
        let x = Tensor([1.0, 2]).requiringGradient()
        let y = anchor.tap(x * x) {
            enabled = GradMode.isEnabled
            requires = ($0 * 2).requiresGradient
        }
        _ = gradients(of: [(y * y).sum()], withRespectTo: [anchor.tensor])
        XCTAssertFalse(enabled)
        XCTAssertFalse(requires)
    }

    func testSecondDerivativeGoesThroughATap() {
        let anchor = GradientAnchor()
        var calls = 0
        let x = Tensor([2.0, 3]).requiringGradient()
        let y = anchor.tap(x * x) { _ in calls += 1 }
        let first = gradients(of: [(y * x).sum()], withRespectTo: [x], creatingGraph: true)[0]!
        XCTAssertEqual(first.scalars(as: Double.self), [12, 27])
        let second = gradients(of: [first.sum()], withRespectTo: [x])[0]!
        XCTAssertEqual(second.scalars(as: Double.self), [12, 18])
        XCTAssertGreaterThanOrEqual(calls, 1)
    }

    func testClosuresAndTensorsGoWithTheGraph() {
        final class Held {}
        weak var held: Held?
        let anchor = GradientAnchor()
        assertNoTensorLeak {
            let object = Held()
            held = object
            let layer = Linear(3, 2)
            let y = anchor.tap(layer(randomTensor([2, 3]))) { _ in _ = object }
            _ = gradients(of: [y.sum()], withRespectTo: [anchor.tensor])
        }
        XCTAssertNil(held)
        // A graph that no backward pass ever went through.
        assertNoTensorLeak {
            let object = Held()
            held = object
            _ = anchor.tap(Tensor([1.0])) { _ in _ = object }
        }
        XCTAssertNil(held)
    }

    func testClosureGoesAfterAFailure() {
        final class Held {}
        weak var held: Held?
        let anchor = GradientAnchor()
        assertThrowsTorchError(
            try TorchError.catching {
                let object = Held()
                held = object
                return anchor.tap(.undefined) { _ in _ = object }
            })
        XCTAssertNil(held)
    }

    func testFailureInsideATap() {
        let anchor = GradientAnchor()
        let y = anchor.tap(Tensor([1.0, 2])) { gradient in _ = gradient + Tensor([1.0, 2, 3]) }
        let loss = y.sum()
        assertThrowsTorchError(try TorchError.catching { gradients(of: [loss], withRespectTo: [anchor.tensor]) }) {
            error in
            guard case .operatorFailed(_, let message, let file, _) = error else { return XCTFail("\(error)") }
            assertContains(message, "The size of tensor a (2) must match the size of tensor b (3)")
            XCTAssertEqual(file, #filePath)
        }
    }

    func testManyPassesKeepNothing() {
        let anchor = GradientAnchor()
        let layer = Conv2d(1, 2, kernel: 3)
        func pass() {
            let y = anchor.tap(layer(Tensor.ones([2, 1, 5, 5]))) { _ in }
            _ = gradients(of: [(y * y).sum()], withRespectTo: [anchor.tensor] + layer.parameters.map(\.value))
        }
        assertNoMemoryGrowth { pass() }
    }
}
