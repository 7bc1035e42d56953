import TestSupport
import Torch
import XCTest

final class NormalizationTests: XCTestCase {
    func testBatchNormEqualsTorchInTraining() throws {
        let fixture = try LayerFixture("norms")
        try fixture.check("batchnorm2d") { BatchNorm(4) }
        try fixture.check("batchnorm2d-options") { BatchNorm(4, epsilon: 1e-2, momentum: 0.3, affine: false) }
        try fixture.check("batchnorm1d") { BatchNorm(4) }
        try fixture.check("batchnorm1d-sequence") { BatchNorm(4) }
        try fixture.check("batchnorm3d") { BatchNorm(2) }
    }

    func testBatchNormEqualsTorchInEvaluationAfterTraining() throws {
        let fixture = try LayerFixture("norms")
        try fixture.check("batchnorm2d-eval", evaluating: true) { BatchNorm(4) }
        try fixture.check("batchnorm2d-plain-eval", evaluating: true) { BatchNorm(4, affine: false) }
    }

    func testBatchNormRefusesOneValuePerChannelInTrainingAlone() {
        let layer = BatchNorm(3)
        assertThrowsTorchError(try TorchError.catching { layer(randomTensor([1, 3])) }) { error in
            assertContains(
                error.description, "Expected more than 1 value per channel when training, got input size [1, 3]")
        }
        XCTAssertEqual(layer.batchCount.value.item(as: Int.self), 0)
        layer.evaluate()
        XCTAssertEqual(layer(randomTensor([1, 3])).shape, [1, 3])
    }

    func testLayerNormEqualsTorch() throws {
        let fixture = try LayerFixture("norms")
        try fixture.check("layernorm") { LayerNorm(5) }
        try fixture.check("layernorm-shape") { LayerNorm([3, 5], epsilon: 1e-2) }
        try fixture.check("layernorm-no-bias") { LayerNorm(5, bias: false) }
        try fixture.check("layernorm-plain") { LayerNorm(5, affine: false) }
    }

    func testGroupNormEqualsTorch() throws {
        let fixture = try LayerFixture("norms")
        try fixture.check("groupnorm") { GroupNorm(groups: 2, channels: 6) }
        try fixture.check("groupnorm-one") { GroupNorm(groups: 1, channels: 6, epsilon: 1e-2) }
        try fixture.check("groupnorm-plain") { GroupNorm(groups: 3, channels: 6, affine: false) }
    }

    func testGroupNormTakesAnyMemoryFormat() {
        let layer = GroupNorm(groups: 2, channels: 4)
        layer.weight?.initialize(.normal(), generator: Generator(seed: 1))
        let input = randomTensor([3, 4, 5, 6])
        let expected = layer(input)
        assertClose(layer(input.contiguous(.channelsLast)), expected)
        // Neither channels first nor last.
        let mixed = input.permuted([2, 1, 0, 3]).contiguous().permuted([2, 1, 0, 3])
        XCTAssertFalse(mixed.isContiguous)
        assertClose(layer(mixed), expected)
        assertClose(layer(mixed.sliced(0, from: 1)), expected.sliced(0, from: 1))
    }

    func testGroupsThatDoNotDivideAreRefused() {
        assertThrowsTorchError(try TorchError.catching { GroupNorm(groups: 4, channels: 6) }) { error in
            assertContains(error.description, "num_channels (6) must be divisible by num_groups (4)")
        }
    }

    func testRMSNormEqualsTorch() throws {
        let fixture = try LayerFixture("norms")
        try fixture.check("rmsnorm") { RMSNorm(5) }
        try fixture.check("rmsnorm-shape") { RMSNorm([3, 5], epsilon: 1e-2) }
        try fixture.check("rmsnorm-plain") { RMSNorm(5, affine: false) }
    }
}
