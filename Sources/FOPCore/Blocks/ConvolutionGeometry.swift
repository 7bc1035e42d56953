import TorchCore

/// A convolution of one to three dimensions: any stride, padding, dilation and grouping.
public struct ConvolutionGeometry: LayerGeometry {
    public let weightShape: [Int]
    public let stride, padding, dilation: [Int]
    public let groups: Int
    public let hasBias: Bool

    /// - Parameter weightShape: outputs x inputs / groups x kernel… .
    public init(
        weightShape: [Int], stride: [Int], padding: [Int], dilation: [Int], groups: Int, hasBias: Bool
    ) {
        self.weightShape = weightShape
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        self.hasBias = hasBias
    }

    public var outputs: Int { weightShape[0] / groups }
    public var inputs: Int { weightShape[1...].reduce(1, *) + (hasBias ? 1 : 0) }
    var kernel: [Int] { Array(weightShape[2...]) }

    /// The layer over patches that a record brings in the place of the image: one of 1 x 1 kernels. Nil for an image.
    private func overPatches(_ record: LayerRecord) -> ConvolutionGeometry? {
        let patches = record.input.shape
        guard groups == 1, patches[1] == weightColumns, patches[2...] == record.outputGradient.shape[2...],
            // Images under 1 x 1 kernels have as many channels. One of the output's size is its own patches, unless
            // there is padding.
            kernel.contains(where: { $0 != 1 })
                || padding.allSatisfy({ $0 == 0 }) && stride.contains(where: { $0 != 1 })
        else { return nil }
        let ones = kernel.map { _ in 1 }
        return ConvolutionGeometry(
            weightShape: [outputs, weightColumns] + ones, stride: ones, padding: kernel.map { _ in 0 }, dilation: ones,
            groups: 1, hasBias: hasBias)
    }

    public func weightGradient(_ record: LayerRecord) -> Tensor {
        if let layer = overPatches(record) { return layer.pointwiseGradient(record).reshaped(weightShape) }
        // The weight only tells its shape.
        let weight = Tensor.empty(weightShape, dtype: record.input.dtype, device: record.input.device)
        return record.outputGradient.convolutionWeightGradient(
            input: record.input, weight: weight, stride: stride, padding: padding, dilation: dilation, groups: groups)
    }

    /// A product of rows: with patches in memory as they come, nothing is copied.
    private func pointwiseGradient(_ record: LayerRecord) -> Tensor {
        let columns = record.input.permuted([1, 0] + Array(2..<record.input.rank)).reshaped([weightColumns, -1])
        return columns.matmul(outputRows(record).reshaped([-1, outputs])).transposed()
    }

    public func biasGradient(_ record: LayerRecord) -> Tensor {
        record.outputGradient.sum([0] + Array(2..<record.outputGradient.rank))
    }

    /// Patches in torch's order: channel, then kernel position.
    public func inputRows(_ record: LayerRecord) -> Tensor {
        if let layer = overPatches(record) { return layer.inputRows(record) }
        let rows = patchRows(record.input, columns: Array(0..<1 + kernel.count))
            .reshaped([groups, record.examples, -1, weightColumns])
        return groups == 1 ? rows.selected(0, 0) : rows
    }

    /// groups x N x positions… x columns…, a view.
    /// - Parameter columns: the order of a patch's dimensions, of which 0 is the channel and the others are the kernel's.
    private func patchRows(_ input: Tensor, columns: [Int]) -> Tensor {
        let dimensions = kernel.count
        return input.patchView(
            kernel: kernel, stride: stride, padding: padding, dilation: dilation, groups: groups
        ).permuted([1 + dimensions, 0] + Array(1...dimensions) + columns.map { 2 + dimensions + $0 })
    }

    public func inputProducts(_ record: LayerRecord) -> Tensor {
        if let layer = overPatches(record) { return layer.inputProducts(record) }
        let image = record.input.toFactorPrecision()
        switch InputProductMethod(self, image) {
        case .unfolding: return unfoldedProducts(image)
        case .lags(let axes):
            let sum = PatchProducts(groups: groups).sum(image, axes)
            return groups == 1 ? sum.selected(0, 0) : sum
        case .rowPairs(let products): return products.sum(image)
        }
    }

    /// The product of the patches with themselves. Where an image's channels are next to each other in memory, patches are
    /// written channels last, which is copied many times faster, and the product is put in order.
    private func unfoldedProducts(_ image: Tensor) -> Tensor {
        let isChannelsLast = image.strides[1] == 1 && weightShape[1] > 1
        let patch = Array(0..<1 + kernel.count)
        let columns = isChannelsLast ? Array(patch.dropFirst()) + [0] : patch
        let rows = patchRows(image, columns: columns).reshaped(batch + [-1, weightColumns])
        let products = rows.transposed().matmul(rows)
        guard isChannelsLast else { return products }
        let side = kernel + [weightShape[1]]
        let order = [side.count - 1] + Array(0..<side.count - 1)
        return products.reshaped([groups] + side + side)
            .permuted([0] + order.map { 1 + $0 } + order.map { 1 + side.count + $0 })
            .reshaped(batch + [weightColumns, weightColumns])
    }

    /// The convolution's own weight gradient for output gradients that are all 1.
    public func inputSums(_ record: LayerRecord) -> Tensor {
        if let layer = overPatches(record) { return layer.inputSums(record) }
        let image = record.input.toFactorPrecision()
        let positions = Array(record.outputGradient.shape[2...])
        let ones = Tensor.ones([image.size(0), groups] + positions, dtype: image.dtype, device: image.device)
        let weight = Tensor.empty([groups] + weightShape[1...], dtype: image.dtype, device: image.device)
        return ones.convolutionWeightGradient(
            input: image, weight: weight, stride: stride, padding: padding, dilation: dilation, groups: groups
        ).reshaped(batch + [weightColumns])
    }

    public func outputRows(_ record: LayerRecord) -> Tensor {
        let gradient = record.outputGradient
        let sizes = gradient.shape
        // N x groups x o x T -> groups x N x T x o; for channels-last gradients of one group this copies nothing.
        if groups == 1 {
            return gradient.permuted([0] + Array(2..<sizes.count) + [1]).reshaped([sizes[0], -1, outputs])
        }
        return gradient.reshaped([sizes[0], groups, outputs, -1]).permuted([1, 0, 3, 2])
    }
}
