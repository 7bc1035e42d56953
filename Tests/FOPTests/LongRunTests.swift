import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// A run that is hit again and again.
final class LongRunTests: SmallModelTestCase {
    /// Ten thousand steps on random data with random batches that are not finite: every weight stays finite, the loss on
    /// clean data falls, and memory does not grow.
    func testTenThousandStepsWithBatchesThatAreNotFinite() throws {
        let model = SmallModel()
        var options = FOPOptions()
        options.curvature.factorInterval = .every(5)
        options.curvature.inverseInterval = .every(10)
        let optimizer = try FOP(model, learningRate: 0.01, options: options)
        var choice = SplitMix(seed: 7)
        let generator = Generator(seed: 3)
        // Which of the first three inputs is the largest.
        func draw(_ count: Int) -> (inputs: Tensor, labels: Tensor) {
            let inputs = Tensor.normal([count, 4], dtype: .float64, generator: generator)
            return (inputs, inputs.narrowed(1, from: 0, length: 3).argmax(1))
        }
        let (clean, cleanLabels) = draw(64)
        let first = crossEntropy(model(clean), cleanLabels).item(as: Double.self)
        var (spoiled, live, bytes) = (0, 0, 0)
        for step in 0..<10_000 {
            if step == 2_000 { (live, bytes) = (Tensor.liveCount, TorchRuntime.allocatedBytes) }
            let bad = choice.next() % 20 == 0
            let (batch, labels) = draw(8)
            var factor = 1.0
            if bad {
                spoiled += 1
                switch choice.next() % 3 {
                case 0: factor = .infinity
                case 1: factor = .nan
                default:
                    batch.reshaped([-1]).selected(0, Int(choice.next() % 32)).fill(.nan)
                }
            }
            try optimizer.backward(crossEntropy(model(batch), labels) * factor)
            XCTAssertEqual(try optimizer.step(), bad ? .skipped : .applied)
        }
        XCTAssertEqual(Tensor.liveCount, live)
        // Caches fill up and other threads allocate; a tensor a step would be far more.
        XCTAssertLessThan(TorchRuntime.allocatedBytes - bytes, 8_000 * 16)
        XCTAssertEqual(optimizer.skippedStepCount, spoiled)
        XCTAssertEqual(optimizer.stepCount, 10_000 - spoiled)
        for value in model.values { XCTAssertTrue(value.isFinite().all().item(as: Bool.self)) }
        XCTAssertLessThan(crossEntropy(model(clean), cleanLabels).item(as: Double.self), 0.2 * first)
        assertClose(optimizer.state["skipped_step_count"]!, Tensor(spoiled))
        try assertNoMemoryGrowth(calls: 200, bytes: 16) {
            try optimizer.backward(model.loss(seed: 1) * .nan)
            _ = try? optimizer.step()
            try optimizer.backward(model.loss(seed: 1))
            try optimizer.step()
        }
    }
}
