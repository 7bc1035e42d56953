import DenseComparison
import TestSupport
import Torch
import XCTest

@testable import FOPCore

/// Records that bring a convolution's patches in the place of its image.
final class ConvolutionPatchesTests: SmallTensorTestCase {
    private let layers = [
        ConvolutionGeometry(
            weightShape: [3, 1, 3, 2], stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 1, hasBias: false),
        ConvolutionGeometry(
            weightShape: [3, 4, 1, 1], stride: [2, 3], padding: [0, 0], dilation: [1, 1], groups: 1, hasBias: true),
        ConvolutionGeometry(
            weightShape: [2, 2, 2, 2], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1, hasBias: true),
        ConvolutionGeometry(
            weightShape: [2, 3, 1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1, hasBias: false),
    ]

    /// By its shape it could be patches: as many channels and positions as the output.
    func testAnImageOfTheOutputsSizeWithPaddingIsAnImage() {
        let layer = ConvolutionGeometry(
            weightShape: [2, 3, 1, 1], stride: [2, 2], padding: [1, 1], dilation: [1, 1], groups: 1, hasBias: true)
        let image = randomTensor([4, 3, 3, 3], seed: 1, dtype: .float64)
        let padded = image.padded([1, 1, 1, 1]).sliced(2, step: 2).sliced(3, step: 2)
        let gradient = randomTensor([4, 2, 3, 3], seed: 2, dtype: .float64)
        let rows = padded.permuted([0, 2, 3, 1]).reshaped([-1, 3])
        let record = LayerRecord(input: image, outputGradient: gradient)
        let outputs = gradient.permuted([0, 2, 3, 1]).reshaped([-1, 2])
        assertClose(
            layer.weightGradient(record).reshaped([2, 3]), outputs.transposed().matmul(rows), rtol: 1e-12, atol: 1e-12)
        assertClose(layer.inputProducts(record), rows.transposed().matmul(rows), rtol: 1e-12, atol: 1e-12)
        assertClose(layer.inputSums(record), rows.sum([0]), rtol: 1e-12, atol: 1e-12)
    }

    func testTheyGiveWhatTheImageGives() {
        for (index, layer) in layers.enumerated() {
            let image = randomTensor([4, layer.weightShape[1], 7, 8], seed: UInt64(index), dtype: .float64)
            let weight = randomTensor(layer.weightShape, seed: 10, dtype: .float64)
            let output = image.convolution(
                weight: weight, stride: layer.stride, padding: layer.padding, dilation: layer.dilation)
            let gradient = randomTensor(output.shape, seed: 11, dtype: .float64)
            let patches = image.unfolded(
                kernel: Array(layer.weightShape[2...]), stride: layer.stride, padding: layer.padding,
                dilation: layer.dilation
            ).reshaped([4, layer.weightColumns] + output.shape[2...])
            for memory in [patches, patches.permuted([1, 0, 2, 3]).contiguous().permuted([1, 0, 2, 3])] {
                let whole = LayerRecord(input: image, outputGradient: gradient)
                let formed = LayerRecord(input: memory, outputGradient: gradient.contiguous(.channelsLast))
                for range in [0..<4, 1..<3] {
                    let (expected, found) = (whole.examples(range), formed.examples(range))
                    assertClose(layer.gradient(found), layer.gradient(expected), rtol: 1e-12, atol: 1e-12)
                    assertClose(layer.inputRows(found), layer.inputRows(expected), rtol: 1e-12, atol: 1e-12)
                    assertClose(layer.inputProducts(found), layer.inputProducts(expected), rtol: 1e-12, atol: 1e-12)
                    assertClose(layer.inputSums(found), layer.inputSums(expected), rtol: 1e-12, atol: 1e-12)
                }
            }
        }
    }
}
