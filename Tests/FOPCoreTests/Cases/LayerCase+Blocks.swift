import DenseReference
import FOPCore

extension LayerCase {
    static let transposed = [
        transposed("padded", ReferenceTransposedConvolution(2, 3, kernel: [3, 3], padding: [1, 1]), [3, 4]),
        transposed(
            "strided",
            ReferenceTransposedConvolution(2, 3, kernel: [3, 2], stride: [2, 3], padding: [1, 0], outputPadding: [1, 2]),
            [3, 2]),
        transposed(
            "padded beyond the kernel",
            ReferenceTransposedConvolution(3, 2, kernel: [2, 1], stride: [3, 2], padding: [2, 1], hasBias: false), [4, 3]),
        transposed(
            "dilated", ReferenceTransposedConvolution(2, 2, kernel: [2, 3], padding: [0, 2], dilation: [2, 2]), [3, 3]),
        transposed(
            "grouped", ReferenceTransposedConvolution(4, 6, kernel: [2, 2], stride: [2, 2], groups: 2), [2, 3]),
        transposed(
            "depthwise", ReferenceTransposedConvolution(3, 3, kernel: [3, 3], padding: [1, 1], groups: 3), [3, 3]),
        transposed(
            "1d", ReferenceTransposedConvolution(2, 3, kernel: [3], stride: [2], padding: [1], outputPadding: [1]), [4]),
        transposed(
            "3d", ReferenceTransposedConvolution(2, 2, kernel: [2, 1, 2], stride: [1, 2, 2], groups: 2), [2, 2, 2]),
    ]

    static func transposed(
        _ name: String, _ convolution: ReferenceTransposedConvolution, _ sizes: [Int]
    ) -> LayerCase {
        LayerCase(
            name: "transposed convolution, \(name)", inputShape: [convolution.channels] + sizes,
            outputShape: [convolution.outputs] + convolution.outputSizes(sizes),
            block: { KroneckerBlock(convolution.geometry, weightSharing: $0) },
            reference: { .kronecker($0) },
            examples: { input, gradient in
                zip(input.parts, gradient.parts).map { convolution.example(input: $0, gradient: $1) }
            })
    }

    /// The weight or the bias alone of a layer that has both.
    static let parts = [linear[2], convolutions[1], convolutions[7], transposed[1]].flatMap { layer in
        let make = layer.block
        var weight = layer
        weight.name += ", weight alone"
        weight.block = { KroneckerBlock(WeightGeometry((make(.expand) as! KroneckerBlock).geometry), weightSharing: $0) }
        weight.examples = { layer.examples($0, $1).map { $0.mapped { Array($0.dropLast()) } } }
        var bias = layer
        bias.name += ", bias alone"
        bias.block = { KroneckerBlock(BiasGeometry((make(.expand) as! KroneckerBlock).geometry), weightSharing: $0) }
        bias.examples = { layer.examples($0, $1).map { $0.mapped { [$0.last!] } } }
        return [weight, bias]
    }

    /// The layer of Documentation/add-a-layer.md.
    static let scale = LayerCase(
        name: "scale", inputShape: [2, 4], outputShape: [2, 4],
        block: { _ in UnitWiseBlock(.layer, parameterShape: [4], hasBias: false) },
        reference: { _ in .unitWise(width: 1) },
        examples: { input, gradient in
            zip(input.parts, gradient.parts).map { x, g -> LayerExample in
                let products = zip(x.values, g.values).map { $0 * $1 }
                return LayerExample(gradient: (0..<4).map { products[$0] + products[4 + $0] })
            }
        })

    /// Kinds of blocks beside the Kronecker product of whole factors, for layers of every kind.
    static let otherBlocks = [linear[0], linear[3], convolutions[2], convolutions[7], transposed[4]].flatMap { layer in
        let make = layer.block
        var split = layer
        split.name += ", split"
        split.block = {
            SplitKroneckerBlock((make($0) as! KroneckerBlock).geometry, weightSharing: $0, maximumSize: 3)
        }
        split.reference = { .split($0, maximum: 3) }
        var diagonal = layer
        diagonal.name += ", diagonal"
        diagonal.block = { DiagonalBlock((make($0) as! KroneckerBlock).geometry) }
        diagonal.reference = { _ in .diagonal }
        return [split, diagonal]
    }
}

extension LayerExample {
    /// The same with other inputs.
    func mapped(_ change: ([Double]) -> [Double]) -> LayerExample {
        LayerExample(groups: groups.map { $0.map { Position(input: change($0.input), output: $0.output) } })
    }
}

extension ReferenceTransposedConvolution {
    var geometry: TransposedConvolutionGeometry {
        TransposedConvolutionGeometry(
            weightShape: [channels, outputs / groups] + kernel, stride: stride, padding: padding,
            outputPadding: outputPadding, dilation: dilation, groups: groups, hasBias: hasBias)
    }
}
