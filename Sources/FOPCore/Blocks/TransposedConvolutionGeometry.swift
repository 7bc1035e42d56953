import TorchCore

/// A transposed convolution of one to three dimensions. Its output is that of an ordinary convolution with the kernel
/// turned round, over the input with `stride - 1` zeros put between its elements and zeros around: a position is one of
/// the output, and its row holds the input elements that reach it.
public struct TransposedConvolutionGeometry: LayerGeometry {
    public let weightShape: [Int]
    public let stride, padding, outputPadding, dilation: [Int]
    /// The ordinary convolution over the spread input.
    private let convolution: ConvolutionGeometry

    /// - Parameter weightShape: inputs x outputs / groups x kernel… .
    public init(
        weightShape: [Int], stride: [Int], padding: [Int], outputPadding: [Int], dilation: [Int], groups: Int,
        hasBias: Bool
    ) {
        self.weightShape = weightShape
        self.stride = stride
        self.padding = padding
        self.outputPadding = outputPadding
        self.dilation = dilation
        let kernel = Array(weightShape[2...])
        convolution = ConvolutionGeometry(
            weightShape: [weightShape[1] * groups, weightShape[0] / groups] + kernel, stride: kernel.map { _ in 1 },
            padding: kernel.map { _ in 0 }, dilation: dilation, groups: groups, hasBias: hasBias)
    }

    public var outputs: Int { convolution.outputs }
    public var inputs: Int { convolution.inputs }
    public var groups: Int { convolution.groups }
    public var hasBias: Bool { convolution.hasBias }
    private var kernel: [Int] { Array(weightShape[2...]) }

    public func weightGradient(_ record: LayerRecord) -> Tensor {
        // The weight only tells its shape.
        let weight = Tensor.empty(weightShape, dtype: record.input.dtype, device: record.input.device)
        return record.outputGradient.convolutionWeightGradient(
            input: record.input, weight: weight, stride: stride, padding: padding, dilation: dilation, transposed: true,
            outputPadding: outputPadding, groups: groups)
    }

    public func biasGradient(_ record: LayerRecord) -> Tensor { convolution.biasGradient(record) }

    /// Channel, then kernel position from the last to the first.
    public func inputRows(_ record: LayerRecord) -> Tensor { convolution.inputRows(spread(record)) }

    public func inputProducts(_ record: LayerRecord) -> Tensor { convolution.inputProducts(spread(record)) }

    public func inputSums(_ record: LayerRecord) -> Tensor { convolution.inputSums(spread(record)) }

    public func outputRows(_ record: LayerRecord) -> Tensor { convolution.outputRows(record) }

    /// inputs x outputs / groups x kernel… -> groups x outputs / groups x (inputs / groups * kernel), turned round.
    public func matrix(ofWeight weight: Tensor) -> Tensor {
        let parts = weight.reshaped([groups, weightShape[0] / groups, weightShape[1]] + kernel)
        return turned(parts.transposed(1, 2)).reshaped(batch + [outputs, weightColumns])
    }

    public func weight(ofMatrix matrix: Tensor) -> Tensor {
        let parts = matrix.reshaped([groups, weightShape[1], weightShape[0] / groups] + kernel)
        return turned(parts).transposed(1, 2).reshaped(weightShape)
    }

    /// Kernels from the last element to the first.
    private func turned(_ kernels: Tensor) -> Tensor { kernels.flipped(Array(3..<kernels.rank)) }

    /// The record with the input of the ordinary convolution.
    private func spread(_ record: LayerRecord) -> LayerRecord {
        var spread = record
        spread.input = withZerosBetween(record.input).padded(
            kernel.indices.reversed().flatMap { d -> [Int] in
                let reach = dilation[d] * (kernel[d] - 1) - padding[d]
                return [reach, reach + outputPadding[d]]
            })
        return spread
    }

    private func withZerosBetween(_ input: Tensor) -> Tensor {
        guard stride.contains(where: { $0 > 1 }) else { return input }
        let sizes = input.shape
        let spread = zip(sizes.dropFirst(2), stride).map { ($0 - 1) * $1 + 1 }
        let result = Tensor.zeros(Array(sizes.prefix(2)) + spread, dtype: input.dtype, device: input.device)
        let places = stride.enumerated().reduce(result) { $0.sliced(2 + $1.offset, step: $1.element) }
        places.copy(from: input)
        return result
    }
}
