import TestSupport
import Torch
import XCTest

final class ContainerTests: XCTestCase {
    func testSequentialAppliesItsLayersInOrder() {
        let layers = Sequential(Linear(4, 3), ReLU(), Linear(3, 2))
        let input = randomTensor([5, 4])
        let byHand = layers.layers[2](layers.layers[0](input).relu())
        assertIdentical(layers(input), byHand)
        XCTAssertEqual(layers.namedParameters.map(\.name), ["0.weight", "0.bias", "2.weight", "2.bias"])
        assertIdentical(Sequential([])(input), input)
    }

    func testResidualAddsBodyAndShortcut() {
        let body = Linear(3, 3)
        let input = randomTensor([5, 3])
        assertIdentical(Residual(body)(input), body(input) + input)
        let shortcut = Linear(3, 3)
        let both = Residual(body, shortcut: shortcut)
        assertIdentical(both(input), body(input) + shortcut(input))
        XCTAssertEqual(
            both.namedParameters.map(\.name), ["body.weight", "body.bias", "shortcut.weight", "shortcut.bias"])
        XCTAssertEqual(Residual(body).namedParameters.map(\.name), ["body.weight", "body.bias"])
    }

    func testFlattenJoinsDimensions() {
        let input = randomTensor([2, 3, 4, 5])
        assertIdentical(Flatten()(input), input.reshaped([2, 60]))
        assertIdentical(Flatten(from: 0, to: 1)(input), input.reshaped([6, 4, 5]))
        assertIdentical(Identity()(input), input)
    }
}
