import TestSupport
import Torch
import XCTest

final class LinearTests: XCTestCase {
    func testLinearEqualsTorch() throws {
        let fixture = try LayerFixture("linear")
        try fixture.check("linear") { Linear(5, 3) }
        try fixture.check("linear-sequence") { Linear(5, 3) }
        try fixture.check("linear-no-bias") { Linear(5, 3, bias: false) }
    }

    func testLinearAsAFunctionEqualsTheLayer() {
        let layer = Linear(5, 3)
        let input = randomTensor([2, 5])
        assertIdentical(input.linear(weight: layer.weight.value, bias: layer.bias?.value), layer(input))
    }

    func testLinearTakesGivenWeights() {
        let layer = Linear(weight: Tensor([1.0 as Float, 2, 3, 4], shape: [2, 2]), bias: Tensor([10.0 as Float, 20]))
        assertClose(layer(Tensor([1.0 as Float, 1], shape: [1, 2])), [13, 27])
        XCTAssertEqual(layer.namedParameters.map(\.name), ["weight", "bias"])
    }

    func testAWrongWidthGivesTorchsMessage() {
        assertThrowsTorchError(try TorchError.catching { Linear(5, 3)(randomTensor([2, 4])) }) { error in
            assertContains(error.description, "mat1 and mat2 shapes cannot be multiplied (2x4 and 5x3)")
            assertContains(error.description, "LinearTests.swift")
        }
    }

    func testTheLineIsTheCallersAlsoInsideContainers() {
        let model = Sequential(Sequential(ReLU(), Linear(5, 3)))
        assertThrowsTorchError(try TorchError.catching { model(randomTensor([2, 4])) }) { error in
            assertContains(error.description, "LinearTests.swift")
        }
    }

    func testEmbeddingEqualsTorch() throws {
        let fixture = try LayerFixture("linear")
        try fixture.check("embedding") { Embedding(7, 3) }
        try fixture.check("embedding-padding") { Embedding(7, 3, paddingIndex: 2) }
        try fixture.check("embedding-padding") { Embedding(7, 3, paddingIndex: -5) }
    }

    func testThePaddingVectorIsZeroAtFirst() {
        let rows = Embedding(7, 3, paddingIndex: -1).weight.value
        assertIdentical(rows.selected(0, 6), Tensor.zeros([3]))
        XCTAssertEqual(rows.elementsEqual(Tensor.zeros([])).to(.int64).sum().item(as: Int.self), 3)
    }

    func testAPaddingIndexOutsideIsRefused() {
        assertThrowsTorchError(try TorchError.catching { Embedding(7, 3, paddingIndex: 7) }) { error in
            assertContains(error.description, "Padding_idx must be within num_embeddings")
        }
    }
}
