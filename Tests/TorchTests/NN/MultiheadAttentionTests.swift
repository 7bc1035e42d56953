import TestSupport
import Torch
import XCTest

final class MultiheadAttentionTests: XCTestCase {
    private func check(
        _ name: String, bias: Bool = true, file: StaticString = #filePath, line: UInt = #line,
        call: (MultiheadAttention, [Tensor], LayerFixture) throws -> Tensor
    ) throws {
        let fixture = try LayerFixture("attention")
        try fixture.check(name, file: file, line: line) {
            MultiheadAttention(6, heads: 2, bias: bias)
        } call: {
            try call($0, $1, fixture)
        }
    }

    func testSelfAttentionEqualsTorch() throws {
        try check("self") { attention, inputs, _ in attention(inputs[0]) }
        try check("self-no-bias", bias: false) { attention, inputs, _ in attention(inputs[0]) }
        try check("self-causal") { attention, inputs, _ in attention(inputs[0], causal: true) }
        try check("self-additive") { attention, inputs, fixture in
            attention(inputs[0], mask: try fixture.numbers.tensor("\(inputs[0].dtype)/bias"))
        }
    }

    func testCrossAttentionEqualsTorch() throws {
        try check("cross") { attention, inputs, _ in
            attention(query: inputs[0], key: inputs[1], value: inputs[2])
        }
        try check("self") { attention, inputs, _ in
            attention(query: inputs[0], key: inputs[0], value: inputs[0])
        }
    }

    func testMasksEqualTorchs() throws {
        try check("cross-mask") { attention, inputs, fixture in
            let mask = try fixture.numbers.tensor("float32/mask")
            return attention(query: inputs[0], key: inputs[1], value: inputs[2], mask: mask)
        }
        try check("cross-padding") { attention, inputs, fixture in
            let padding = try fixture.numbers.tensor("float32/padding")
            return attention(query: inputs[0], key: inputs[1], value: inputs[2], keyPadding: padding)
        }
        try check("cross-both") { attention, inputs, fixture in
            let mask = try fixture.numbers.tensor("float32/mask")
            let padding = try fixture.numbers.tensor("float32/padding")
            return attention(query: inputs[0], key: inputs[1], value: inputs[2], mask: mask, keyPadding: padding)
        }
    }

    func testDropoutActsInTrainingOnly() {
        let attention = MultiheadAttention(8, heads: 2, dropout: 0.5, generator: Generator(seed: 1))
        let input = randomTensor([2, 6, 8])
        Generator.default.seed(3)
        let trained = attention(input)
        attention.evaluate()
        let evaluated = attention(input)
        XCTAssertGreaterThan(relativeDifference(trained, evaluated), 0.01)
        assertIdentical(attention(input), evaluated)
    }

    func testHeadsThatDoNotDivideAreRefused() {
        assertThrowsTorchError(try TorchError.catching { MultiheadAttention(6, heads: 4) }) { error in
            assertContains(error.description, "embed_dim must be divisible by num_heads")
        }
    }
}
