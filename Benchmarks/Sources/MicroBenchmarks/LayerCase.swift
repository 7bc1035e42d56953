import FOPCore
import Torch

/// A Fisher block with what passed through its layer.
struct LayerCase {
    let name: String
    let block: any FisherBlock
    let record: LayerRecord

    static func linear(_ inputs: Int, _ outputs: Int, examples: Int) -> LayerCase {
        LayerCase(
            name: "linear \(inputs) to \(outputs), \(examples) examples",
            block: KroneckerBlock(LinearGeometry(outputs: outputs, features: inputs, hasBias: true)),
            record: LayerRecord(input: random([examples, inputs]), outputGradient: random([examples, outputs])))
    }

    /// Channels last, as the residual network has them.
    static func convolution(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, size: Int, examples: Int
    ) -> LayerCase {
        let padding = kernel / 2
        let positions = (size + 2 * padding - kernel) / stride + 1
        func channelsLast(_ channels: Int, _ size: Int) -> Tensor {
            random([examples, size, size, channels]).permuted([0, 3, 1, 2])
        }
        let geometry = ConvolutionGeometry(
            weightShape: [outputs, inputs, kernel, kernel], stride: [stride, stride], padding: [padding, padding],
            dilation: [1, 1], groups: 1, hasBias: false)
        return LayerCase(
            name: "convolution \(kernel)x\(kernel)\(stride > 1 ? " stride \(stride)" : ""), \(inputs) to \(outputs), "
                + "\(size)x\(size), \(examples) examples",
            block: KroneckerBlock(geometry),
            record: LayerRecord(input: channelsLast(inputs, size), outputGradient: channelsLast(outputs, positions)))
    }

    static func batchNorm(_ channels: Int, size: Int, examples: Int) -> LayerCase {
        var record = LayerRecord(
            input: random([examples, size, size, channels]).permuted([0, 3, 1, 2]),
            outputGradient: random([examples, size, size, channels]).permuted([0, 3, 1, 2]))
        record.normalization = (Tensor.zeros([channels]), Tensor.ones([channels]))
        return LayerCase(
            name: "batch norm \(channels), \(size)x\(size), \(examples) examples",
            block: UnitWiseBlock(.batch, parameterShape: [channels]), record: record)
    }

    static func layerNorm(_ width: Int, tokens: Int, examples: Int) -> LayerCase {
        var record = LayerRecord(
            input: random([examples, tokens, width]), outputGradient: random([examples, tokens, width]))
        record.normalization = (Tensor.zeros([examples, tokens, 1]), Tensor.ones([examples, tokens, 1]))
        return LayerCase(
            name: "layer norm \(width), \(tokens) tokens, \(examples) examples",
            block: UnitWiseBlock(.layer, parameterShape: [width]), record: record)
    }

    /// One update of the factors' averages.
    func updateFactors() {
        block.accumulate(record, as: .newExamples)
        let statistics = block.takeStatistics(gradientScale: 1)
        block.updateAverages(statistics, decay: 0.9, isFinite: Tensor.ones([], dtype: .bool))
    }
}

func random(_ shape: [Int]) -> Tensor { Tensor.normal(shape, generator: Generator(seed: 0)) }
