import TestSupport
import Torch
import XCTest

final class DropoutTests: XCTestCase {
    func testDropoutDropsWhatTorchDrops() throws {
        let numbers = try FixtureFile("initialization.safetensors")
        Generator.default.seed(0)
        let output = Dropout(0.3)(try numbers.tensor("dropout/input"))
        assertClose(output, try numbers.tensor("dropout/output"), rtol: 1e-6, atol: 0)
    }

    func testASeedRepeatsAndAnotherDoesNot() {
        let layer = Dropout(0.5)
        let input = Tensor.ones([100])
        Generator.default.seed(7)
        let first = layer(input)
        Generator.default.seed(7)
        assertIdentical(layer(input), first)
        XCTAssertFalse(layer(input).elementsEqual(first).all().item(as: Bool.self))
    }

    func testSurvivorsAreScaledAndCarryTheGradient() throws {
        Generator.default.seed(1)
        let input = Tensor.ones([1000]).requiringGradient()
        let output = Dropout(0.75)(input)
        let kept = output.isGreater(than: 0).to(.float32)
        assertClose(output, kept * 4)
        XCTAssertEqual(kept.mean().item(as: Double.self), 0.25, accuracy: 0.05)
        let gradient = try XCTUnwrap(gradients(of: [output.sum()], withRespectTo: [input])[0])
        assertClose(gradient, kept * 4)
    }

    func testEvaluationPassesTheInput() {
        let layer = Dropout(0.5)
        layer.evaluate()
        let input = randomTensor([50])
        assertIdentical(layer(input), input)
        layer.train()
        XCTAssertFalse(layer(input).elementsEqual(input).all().item(as: Bool.self))
    }

    func testProbabilitiesFromZeroToOne() {
        let input = Tensor.ones([20])
        assertIdentical(Dropout(0)(input), input)
        assertIdentical(Dropout(1)(input), Tensor.zeros([20]))
        for probability in [-0.1, 1.1] {
            assertThrowsTorchError(try TorchError.catching { Dropout(probability) }) { error in
                assertContains(error.description, "between 0 and 1, but got \(probability)")
            }
        }
    }
}
