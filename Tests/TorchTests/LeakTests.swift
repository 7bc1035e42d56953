import TestSupport
import Torch
import XCTest

/// A training loop keeps nothing: neither Swift's handles nor LibTorch's memory.
final class LeakTests: XCTestCase {
    private final class Net: Module, Layer {
        let first = Conv2d(1, 4, kernel: 3, padding: 1)
        let norm = BatchNorm(4)
        let second = Conv2d(4, 4, kernel: 3, stride: 2)
        let head = Linear(4 * 3 * 3, 5)

        func callAsFunction(_ input: Tensor) -> Tensor {
            let hidden = norm(first(input)).clamped(min: 0)
            return head(second(hidden).clamped(min: 0).flattened(from: 1))
        }
    }

    private func step(_ net: Net, _ images: Tensor, _ labels: Tensor) -> Double {
        let scores = net(images)
        let likelihood = scores.gathered(1, labels.unsqueezed(1)).squeezed(1) - scores.logSumExp([1])
        let loss = -likelihood.mean()
        let values = net.parameters.map(\.value)
        let found = gradients(of: [loss], withRespectTo: values)
        withoutGradients {
            for (value, gradient) in zip(values, found) { value.subtractInPlace(gradient!, scale: 0.1) }
        }
        return loss.item(as: Double.self)
    }

    func testTrainingLoopKeepsNothing() {
        let net = Net()
        let images = randomTensor([8, 1, 8, 8])
        let labels = randomIntegers([8], in: 0..<5)
        let first = step(net, images, labels)
        // The statistics that the next forward pass goes back to if this one's are not finite.
        _ = step(net, images, labels)
        let live = Tensor.liveCount
        var last = 0.0
        assertNoMemoryGrowth(calls: 40) {
            last = step(net, images, labels)
            XCTAssertEqual(Tensor.liveCount, live)
        }
        XCTAssertLessThan(last, first / 2, "the loop trains")
    }

    func testFailingStepKeepsNothing() {
        let net = Net()
        let wrong = randomTensor([8, 2, 8, 8])
        let labels = randomIntegers([8], in: 0..<5)
        func fail() { XCTAssertNil(try? TorchError.catching { step(net, wrong, labels) }) }
        fail()
        let live = Tensor.liveCount
        for _ in 0..<3 { fail() }
        XCTAssertEqual(Tensor.liveCount, live)
    }

    func testModelGoes() {
        assertNoTensorLeak { _ = Net() }
    }
}
