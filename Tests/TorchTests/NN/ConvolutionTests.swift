import TestSupport
import Torch
import XCTest

final class ConvolutionTests: XCTestCase {
    func testConv2dEqualsTorch() throws {
        let fixture = try LayerFixture("convolutions")
        try fixture.check("conv2d") { Conv2d(4, 3, kernel: 3) }
        try fixture.check("conv2d-padding") { Conv2d(4, 3, kernel: 3, padding: 1, bias: false) }
        try fixture.check("conv2d-stride") { Conv2d(4, 3, kernel: 3, stride: 2, padding: 1) }
        try fixture.check("conv2d-dilation") { Conv2d(4, 3, kernel: 3, padding: 2, dilation: 2) }
        try fixture.check("conv2d-groups") { Conv2d(4, 6, kernel: 3, groups: 2) }
        try fixture.check("conv2d-depthwise") { Conv2d(4, 4, kernel: 3, padding: 1, groups: 4, bias: false) }
        try fixture.check("conv2d-asymmetric") {
            Conv2d(4, 6, kernel: (3, 2), stride: (2, 1), padding: (0, 2), dilation: (1, 3), groups: 2)
        }
        try fixture.check("conv2d-1x1") { Conv2d(4, 3, kernel: 1, stride: 2) }
    }

    func testConv1dEqualsTorch() throws {
        let fixture = try LayerFixture("convolutions")
        try fixture.check("conv1d") { Conv1d(4, 6, kernel: 3, stride: 2, padding: 2, dilation: 2, groups: 2) }
        try fixture.check("conv1d-no-bias") { Conv1d(2, 3, kernel: 4, bias: false) }
    }

    func testConv3dEqualsTorch() throws {
        let fixture = try LayerFixture("convolutions")
        try fixture.check("conv3d") { Conv3d(2, 3, kernel: 2, stride: 2, padding: 1) }
        try fixture.check("conv3d-asymmetric") {
            Conv3d(
                2, 2, kernel: (1, 2, 3), stride: (2, 1, 1), padding: (0, 1, 2), dilation: (1, 1, 2), groups: 2,
                bias: false)
        }
    }

    func testTransposedConvolutionsEqualTorch() throws {
        let fixture = try LayerFixture("convolutions")
        try fixture.check("transpose1d") { ConvTranspose1d(2, 4, kernel: 3, stride: 2, padding: 1, outputPadding: 1) }
        try fixture.check("transpose2d") { ConvTranspose2d(4, 3, kernel: 3) }
        try fixture.check("transpose2d-asymmetric") {
            ConvTranspose2d(
                4, 6, kernel: (3, 2), stride: (2, 3), padding: (1, 0), outputPadding: (1, 2), dilation: (2, 1),
                groups: 2, bias: false)
        }
        try fixture.check("transpose3d") { ConvTranspose3d(2, 2, kernel: 2, stride: 2, groups: 2) }
    }

    /// On channels-last pictures they are products of the pixels that stay, by other operators with the same results.
    func testStridedPointwiseConvolutionsEqualTheOperator() {
        for (seed, (size, stride, bias)) in [([7, 7], (2, 2), true), ([8, 5], (2, 3), false), ([6, 6], (1, 2), true)]
            .enumerated()
        {
            let layer = Conv2d(4, 3, kernel: (1, 1), stride: stride, bias: bias)
            layer.to(.float64)
            let picture = randomTensor([2, 4] + size, seed: UInt64(seed), dtype: .float64).contiguous(.channelsLast)
            picture.setRequiresGradient(true)
            let expected = picture.convolution(
                weight: layer.weight.value, bias: layer.bias?.value, stride: layer.stride, padding: [0, 0],
                dilation: [1, 1])
            let output = layer(picture)
            assertClose(output, expected, rtol: 1e-12, atol: 1e-12)
            XCTAssertEqual(output.strides, expected.strides, "the next layer finds channels last as well")
            let weighting = randomTensor(expected.shape, seed: 9, dtype: .float64)
            let inputs = [picture, layer.weight.value] + (layer.bias.map { [$0.value] } ?? [])
            let found = gradients(of: [(output * weighting).sum()], withRespectTo: inputs)
            for (own, other) in zip(found, gradients(of: [(expected * weighting).sum()], withRespectTo: inputs)) {
                assertClose(own, other!, rtol: 1e-12, atol: 1e-12)
            }
        }
    }

    func testOtherPointwiseConvolutionsAreTheOperatorItself() {
        let rows = randomTensor([2, 4, 6, 6], seed: 1)
        let pictures = rows.contiguous(.channelsLast)
        func calls(_ layer: Conv2d, _ input: Tensor) -> Int { countingOperatorCalls { _ = layer(input) } }
        XCTAssertEqual(calls(Conv2d(4, 2, kernel: 1, stride: 2), rows), 1, "channels first")
        XCTAssertEqual(calls(Conv2d(4, 2, kernel: 1), pictures), 1, "no pixel left out")
        XCTAssertEqual(calls(Conv2d(4, 2, kernel: 1, stride: 2, groups: 2), pictures), 1, "groups")
        XCTAssertEqual(calls(Conv2d(4, 2, kernel: 3, stride: 2), pictures), 1, "3 x 3")
        XCTAssertGreaterThan(calls(Conv2d(4, 2, kernel: 1, stride: 2), pictures), 1)
        // One channel lies channels first and last alike.
        XCTAssertEqual(calls(Conv2d(1, 2, kernel: 1, stride: 2), rows.narrowed(1, from: 0, length: 1)), 1)
    }

    func testAPictureOfOtherChannelsIsRefusedAsByAnyConvolution() {
        let picture = randomTensor([2, 3, 6, 6], seed: 1).contiguous(.channelsLast)
        assertThrowsTorchError(try TorchError.catching { _ = Conv2d(4, 2, kernel: 1, stride: 2)(picture) }) {
            XCTAssertTrue("\($0)".contains("channels"), "\($0)")
        }
    }

    func testGroupsThatDoNotDivideAreRefused() {
        for make in [{ Conv2d(4, 6, kernel: 3, groups: 4) }, { Conv2d(4, 6, kernel: 3, groups: 0) }] {
            assertThrowsTorchError(try TorchError.catching(make)) { error in
                assertContains(error.description, "groups do not divide 4 input and 6 output channels")
                assertContains(error.description, "ConvolutionTests.swift")
            }
        }
        assertThrowsTorchError(try TorchError.catching { ConvTranspose1d(3, 4, kernel: 3, groups: 2) })
    }

    func testWrongChannelsGiveTorchsMessage() {
        assertThrowsTorchError(try TorchError.catching { Conv2d(4, 3, kernel: 3)(randomTensor([1, 2, 5, 5])) }) {
            assertContains($0.description, "to have 4 channels, but got 2 channels instead")
        }
    }
}
