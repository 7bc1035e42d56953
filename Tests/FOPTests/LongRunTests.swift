import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// A run that is hit again and again.
final class LongRunTests: SmallModelTestCase {
    /// Ten thousand steps on random data with random batches that are not finite: every weight stays finite, the loss of
    /// the clean batches stays low, and memory does not grow.
    func testTenThousandStepsWithBatchesThatAreNotFinite() throws {
        let model = SmallModel()
        var options = FOPOptions()
        options.curvature.factorInterval = .every(5)
        options.curvature.inverseInterval = .every(10)
        let optimizer = try FOP(model, learningRate: 0.01, options: options)
        var choice = SplitMix(seed: 7)
        let inputs = randomTensor([8, 4], seed: 1, dtype: .float64)
        let labels = randomIntegers([8], in: 0..<3, seed: 2)
        let first = crossEntropy(model(inputs), labels).item(as: Double.self)
        var (spoiled, live) = (0, 0)
        for step in 0..<10_000 {
            let bad = choice.next() % 20 == 0
            var batch = inputs
            var factor = 1.0
            if bad {
                spoiled += 1
                switch choice.next() % 3 {
                case 0: factor = .infinity
                case 1: factor = .nan
                default:
                    batch = inputs.cloned()
                    batch.reshaped([-1]).selected(0, Int(choice.next() % 32)).fill(.nan)
                }
            }
            try optimizer.backward(crossEntropy(model(batch), labels) * factor)
            XCTAssertEqual(try optimizer.step(), bad ? .skipped : .applied)
            if step == 1_000 { live = Tensor.liveCount }
        }
        XCTAssertEqual(Tensor.liveCount, live)
        XCTAssertEqual(optimizer.skippedStepCount, spoiled)
        XCTAssertEqual(optimizer.stepCount, 10_000 - spoiled)
        for value in model.values { XCTAssertTrue(value.isFinite().all().item(as: Bool.self)) }
        XCTAssertLessThan(crossEntropy(model(inputs), labels).item(as: Double.self), 0.2 * first)
        assertClose(optimizer.state["skipped_step_count"]!, Tensor(spoiled))
        try assertNoMemoryGrowth(calls: 200, bytes: 16) {
            try optimizer.backward(model.loss(seed: 1) * .nan)
            _ = try? optimizer.step()
            try optimizer.backward(model.loss(seed: 1))
            try optimizer.step()
        }
    }
}
