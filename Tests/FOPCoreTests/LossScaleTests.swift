import DenseComparison
import FOPCore
import TestSupport
import Torch
import XCTest

/// The scale that a low-precision loss was multiplied with is divided out, squared where it enters squared.
final class LossScaleTests: SmallTensorTestCase {
    /// A power of two changes no bit.
    func testTheScaleIsDividedOut() {
        for layer in LayerCase.all {
            let plain = PreconditionerPair([layer])
            let scaled = PreconditionerPair([layer])
            for step in 0..<3 {
                let scale = [65536.0, 256, 1024][step]
                scaled.preconditioner.lossScale = scale
                for pair in [plain, scaled] { pair.preconditioner.beginMicroBatch() }
                var record = layer.draw(5, seed: UInt64(step), dtype: .float32).record
                plain.preconditioner.record(record, block: 0)
                record.outputGradient = record.outputGradient * scale
                scaled.preconditioner.record(record, block: 0)
                let expected = plain.preconditioner.directions(learningRate: 0.1).directions[0]!
                let actual = scaled.preconditioner.directions(learningRate: 0.1).directions[0]!
                for (one, two) in zip(actual, expected) { assertIdentical(one, two, "\(layer.name), step \(step)") }
            }
        }
    }

    func testGatheredGradientsAreThoseOfTheLoss() {
        let layer = LayerCase.linear("linear")
        let pair = PreconditionerPair([layer])
        pair.preconditioner.lossScale = 8
        pair.preconditioner.beginMicroBatch()
        let record = layer.draw(5, seed: 1, dtype: .float64).record
        pair.preconditioner.record(record, block: 0)
        let expected = pair.preconditioner.blocks[0].gradient(record) * 0.125
        assertClose(pair.preconditioner.gatheredGradients[0], expected)
    }

    /// Without damping and trust region the direction has the length of the gradient: half a gradient, half a step.
    func testScalingGradientsScalesTheStepAndNotTheCurvature() {
        let layer = LayerCase.linear("linear")
        func step(_ factor: Double) -> (Tensor, [String: Tensor]) {
            let pair = PreconditionerPair([layer])
            pair.record([6], seed: 1, dtype: .float64)
            pair.preconditioner.scaleGradients(by: Tensor(factor))
            let direction = pair.preconditioner.directions(learningRate: 1).directions[0]![0]
            return (direction, pair.preconditioner.blocks[0].state)
        }
        let (whole, factors) = step(1)
        let (half, same) = step(0.5)
        assertClose(half, whole * 0.5)
        assertIdentical(same, factors)
    }
}
