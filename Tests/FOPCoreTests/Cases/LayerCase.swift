import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch

/// A layer to try: how the product sees it, how the reference sees it, and batches for both.
struct LayerCase: Sendable {
    var name: String
    /// The shapes of one example.
    let inputShape, outputShape: [Int]
    var block: @Sendable (WeightSharing) -> any FisherBlock
    var reference: @Sendable (ReferenceSharing) -> ReferenceBlock
    /// The examples of a batch, from its input and the derivative of each example's own loss, N x … .
    var examples: @Sendable (_ input: DenseArray, _ gradient: DenseArray) -> [LayerExample]
    /// What a normalisation tells besides.
    var normalization: @Sendable (DenseArray) -> (mean: DenseArray, scale: DenseArray)? = { _ in nil }

    /// How many parameters the layer has.
    var parameterCount: Int { block(.expand).shape.reduce(1, *) }

    /// A random batch, as a backward pass of a loss that is the mean over `total` examples leaves it.
    /// - Parameter total: the number of examples; more than `count` when this is one of several micro-batches.
    func draw(
        _ count: Int, seed: UInt64, dtype: DType, total: Int? = nil
    ) -> (record: LayerRecord, examples: [LayerExample]) {
        let input = randomTensor([count] + inputShape, seed: seed, dtype: dtype) + 0.3
        let gradient =
            randomTensor([count] + outputShape, seed: seed &+ 1000, dtype: dtype) * (1 / Double(total ?? count))
        var record = LayerRecord(input: input, outputGradient: gradient)
        if let (mean, scale) = normalization(DenseArray(input)) {
            record.normalization = (
                Tensor(mean.values, shape: mean.shape).to(dtype), Tensor(scale.values, shape: scale.shape).to(dtype)
            )
        }
        var own = DenseArray(gradient)
        own.values = own.values.map { $0 * Double(total ?? count) }
        return (record, examples(DenseArray(input), own))
    }
}

extension LayerCase {
    static let all = linear + convolutions + normalizations + transposed + parts + otherBlocks + [scale]

    static let linear = [
        linear("linear"), linear("linear without bias", hasBias: false), linear("sequence", positions: [3]),
        linear("sequence without bias", positions: [4], hasBias: false),
        linear("grid of positions", positions: [2, 3]),
        linear("one output", outputs: 1), linear("one input", inputs: 1),
    ]

    static func linear(
        _ name: String, inputs: Int = 5, outputs: Int = 4, positions: [Int] = [], hasBias: Bool = true
    ) -> LayerCase {
        LayerCase(
            name: name, inputShape: positions + [inputs], outputShape: positions + [outputs],
            block: {
                KroneckerBlock(LinearGeometry(outputs: outputs, features: inputs, hasBias: hasBias), weightSharing: $0)
            },
            reference: { .kronecker($0) },
            examples: { input, gradient in
                zip(input.parts, gradient.parts).map { linearExample(input: $0, gradient: $1, hasBias: hasBias) }
            })
    }

    static let convolutions = [
        convolution("1 x 1", ReferenceConvolution(3, 4, kernel: [1, 1]), [3, 2]),
        convolution("padded", ReferenceConvolution(2, 3, kernel: [3, 3], padding: [1, 1]), [4, 3]),
        convolution("strided", ReferenceConvolution(2, 3, kernel: [3, 3], stride: [2, 2], padding: [1, 1]), [6, 5]),
        convolution("strides apart", ReferenceConvolution(2, 3, kernel: [2, 2], stride: [3, 2]), [7, 6]),
        convolution(
            "dilated", ReferenceConvolution(2, 2, kernel: [2, 3], padding: [0, 1], dilation: [2, 2]), [5, 6]),
        convolution(
            "asymmetric",
            ReferenceConvolution(
                2, 3, kernel: [3, 1], stride: [2, 1], padding: [2, 0], dilation: [1, 2], hasBias: false),
            [4, 3]),
        convolution(
            "kernel apart", ReferenceConvolution(3, 2, kernel: [1, 4], stride: [1, 2], padding: [0, 2]), [3, 5]),
        convolution("grouped", ReferenceConvolution(4, 6, kernel: [2, 2], padding: [1, 0], groups: 2), [3, 4]),
        convolution(
            "grouped without bias", ReferenceConvolution(6, 3, kernel: [2, 1], groups: 3, hasBias: false), [3, 2]),
        convolution("depthwise", ReferenceConvolution(3, 3, kernel: [3, 3], padding: [1, 1], groups: 3), [4, 4]),
        convolution(
            "depthwise, two each", ReferenceConvolution(2, 4, kernel: [2, 2], stride: [2, 2], groups: 2), [4, 4]),
        convolution("whole image", ReferenceConvolution(2, 3, kernel: [3, 2]), [3, 2]),
        convolution("1d", ReferenceConvolution(2, 3, kernel: [3], stride: [2], padding: [1]), [7]),
        convolution("1d dilated groups", ReferenceConvolution(4, 4, kernel: [2], dilation: [3], groups: 2), [6]),
        convolution(
            "3d", ReferenceConvolution(2, 2, kernel: [2, 1, 2], stride: [1, 2, 1], padding: [1, 0, 0]), [2, 3, 3]),
    ]

    static func convolution(_ name: String, _ convolution: ReferenceConvolution, _ sizes: [Int]) -> LayerCase {
        LayerCase(
            name: "convolution, \(name)", inputShape: [convolution.channels] + sizes,
            outputShape: [convolution.outputs] + convolution.outputSizes(sizes),
            block: { KroneckerBlock(convolution.geometry, weightSharing: $0) },
            reference: { .kronecker($0) },
            examples: { input, gradient in
                zip(input.parts, gradient.parts).map { convolutionExample(convolution, input: $0, gradient: $1) }
            })
    }

    static let normalizations = [
        normalization("batch norm", .batch, .batch, [3, 2, 2], units: [3]),
        normalization("batch norm of vectors", .batch, .batch, [4], units: [4]),
        normalization("batch norm, scale alone", .batch, .batch, [3, 2], units: [3], hasBias: false),
        normalization("batch norm, shift alone", .batch, .batch, [3, 2], units: [3], hasWeight: false),
        normalization("group norm", .group, .group(2), [4, 3, 2], units: [4]),
        normalization("group norm of vectors", .group, .group(3), [6], units: [6]),
        normalization("layer norm", .layer, .layer([5]), [5], units: [5]),
        normalization("layer norm of a sequence", .layer, .layer([4]), [3, 4], units: [4]),
        normalization("layer norm of planes", .layer, .layer([2, 3]), [2, 2, 3], units: [2, 3]),
        normalization("root mean square norm", .layer, .rootMeanSquare([4]), [2, 4], units: [4], hasBias: false),
    ]

    static func normalization(
        _ name: String, _ kind: NormalizationKind, _ definition: ReferenceNormalization, _ shape: [Int], units: [Int],
        hasWeight: Bool = true, hasBias: Bool = true
    ) -> LayerCase {
        LayerCase(
            name: name, inputShape: shape, outputShape: shape,
            block: { _ in UnitWiseBlock(kind, parameterShape: units, hasWeight: hasWeight, hasBias: hasBias) },
            reference: { _ in .unitWise(width: (hasWeight ? 1 : 0) + (hasBias ? 1 : 0)) },
            examples: { input, gradient in
                definition.examples(
                    normalized: definition.normalize(input, epsilon: 1e-5), gradient: gradient, hasWeight: hasWeight,
                    hasBias: hasBias)
            },
            normalization: { definition.statistics($0, epsilon: 1e-5) })
    }
}

extension ReferenceConvolution {
    var geometry: ConvolutionGeometry {
        ConvolutionGeometry(
            weightShape: [outputs, channels / groups] + kernel, stride: stride, padding: padding, dilation: dilation,
            groups: groups, hasBias: hasBias)
    }
}
