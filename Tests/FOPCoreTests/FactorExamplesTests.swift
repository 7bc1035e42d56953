import DenseComparison
import TestSupport
import Torch
import XCTest

@testable import FOPCore

/// How many examples the automatic choice makes factors from.
final class FactorExamplesTests: SmallTensorTestCase {
    func testHalfOfABatchBetweenTwoBounds() {
        for (batch, least) in [(64, 256), (512, 256), (513, 256), (800, 400), (1024, 512), (60_000, 512)] {
            XCTAssertEqual(FactorExamples.leastForOutputs(batchSize: batch), least, "batch \(batch)")
        }
    }

    /// Of 600 examples every other one for G, and every fourth for A.
    func testFactorsAreThoseOfTheSample() {
        let block = KroneckerBlock(LinearGeometry(outputs: 2, features: 3, hasBias: false))
        let preconditioner = FisherPreconditioner(blocks: [block], configuration: CurvatureConfiguration())
        let input = randomTensor([600, 3], seed: 1, dtype: .float64)
        let gradient = randomTensor([600, 2], seed: 2, dtype: .float64)
        preconditioner.beginMicroBatch(nil)
        preconditioner.record(LayerRecord(input: input, outputGradient: gradient * (1.0 / 600)), block: 0)
        XCTAssertTrue(preconditioner.directions(learningRate: 0.1).isFinite.item(as: Bool.self))
        func square(_ rows: Tensor) -> Tensor { rows.transposed().matmul(rows) * (1 / Double(rows.size(0))) }
        assertClose(block.outputFactor!, square(gradient.sliced(0, step: 2)), rtol: 1e-10, atol: 1e-12)
        assertClose(block.inputFactor!, square(input.sliced(0, to: 512, step: 4)), rtol: 1e-10, atol: 1e-12)
    }
}
