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

    /// Strided 1 x 1 kernels on channels-last pictures, and pictures of one channel: products with patches, by other
    /// operators with the same results.
    func testProductsWithPatchesEqualTheOperator() {
        let layers: [(Conv2d, [Int])] = [
            (Conv2d(4, 3, kernel: 1, stride: 2), [7, 7]),
            (Conv2d(4, 3, kernel: (1, 1), stride: (2, 3), bias: false), [8, 5]),
            (Conv2d(4, 3, kernel: (1, 1), stride: (1, 2)), [6, 6]), (Conv2d(1, 9, kernel: 3, padding: 1), [5, 4]),
            (Conv2d(1, 16, kernel: 3, stride: 2, padding: 1, bias: false), [7, 8]),
            (Conv2d(1, 12, kernel: (2, 3), stride: (1, 2), padding: (0, 3), dilation: (2, 1)), [6, 5]),
            (Conv2d(1, 9, kernel: 3), [3, 3]),
        ]
        for (seed, (layer, size)) in layers.enumerated() {
            layer.to(.float64)
            let channels = layer.weight.shape[1]
            let picture = randomTensor([2, channels] + size, seed: UInt64(seed), dtype: .float64)
                .contiguous(.channelsLast)
            // The gradient of a picture of one channel would be put together from overlapping patches.
            picture.setRequiresGradient(channels > 1)
            let expected = picture.convolution(
                weight: layer.weight.value, bias: layer.bias?.value, stride: layer.stride, padding: layer.padding,
                dilation: layer.dilation)
            XCTAssertGreaterThan(countingOperatorCalls { _ = layer(picture) }, 1, "\(seed)")
            let output = layer(picture)
            assertClose(output, expected, rtol: 1e-12, atol: 1e-12)
            XCTAssertEqual(output.strides[1], 1, "the next layer finds channels last as well")
            let weighting = randomTensor(expected.shape, seed: 9, dtype: .float64)
            let inputs = (channels > 1 ? [picture] : []) + [layer.weight.value] + (layer.bias.map { [$0.value] } ?? [])
            let found = gradients(of: [(output * weighting).sum()], withRespectTo: inputs)
            for (own, other) in zip(found, gradients(of: [(expected * weighting).sum()], withRespectTo: inputs)) {
                assertClose(own, other!, rtol: 1e-12, atol: 1e-12)
            }
        }
    }

    func testOtherConvolutionsAreTheOperatorItself() {
        let rows = randomTensor([2, 4, 6, 6], seed: 1)
        let pictures = rows.contiguous(.channelsLast)
        func calls(_ layer: Conv2d, _ input: Tensor) -> Int { countingOperatorCalls { _ = layer(input) } }
        XCTAssertEqual(calls(Conv2d(4, 2, kernel: 1, stride: 2), rows), 1, "channels first")
        XCTAssertEqual(calls(Conv2d(4, 2, kernel: 1), pictures), 1, "no pixel left out")
        XCTAssertEqual(calls(Conv2d(4, 2, kernel: 1, stride: 2, padding: 1), pictures), 1, "padding")
        XCTAssertEqual(calls(Conv2d(4, 2, kernel: 1, stride: 2, groups: 2), pictures), 1, "groups")
        XCTAssertEqual(calls(Conv2d(4, 2, kernel: 3, stride: 2), pictures), 1, "3 x 3")
        let grey = rows.narrowed(1, from: 0, length: 1)
        XCTAssertEqual(calls(Conv2d(1, 8, kernel: 3), grey), 1, "patches larger than the output")
        XCTAssertEqual(calls(Conv2d(1, 2, kernel: 1, stride: 2), grey), 1, "one channel lies first and last alike")
        let learned = grey.cloned()
        learned.setRequiresGradient(true)
        XCTAssertEqual(calls(Conv2d(1, 9, kernel: 3), learned), 1, "a picture with a gradient")
        // A product would come out in another type than the next convolution.
        withAutocast { XCTAssertEqual(calls(Conv2d(1, 9, kernel: 3), grey), 1, "autocast") }
    }

    func testAPictureThatTheKernelDoesNotFitIsRefused() {
        assertThrowsTorchError(try TorchError.catching { _ = Conv2d(1, 9, kernel: 3)(randomTensor([2, 1, 2, 6])) }) {
            XCTAssertTrue("\($0)".contains("Kernel size"), "\($0)")
        }
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
