import TorchCore

/// What one pass through one layer leaves behind.
public struct LayerRecord {
    /// What went in: N x … . Of a convolution without groups also its patches, N x (channels * kernel) x positions.
    public var input: Tensor
    /// The derivative of the loss, as back-propagation gives it, with respect to the output before the non-linearity: N
    /// x … .
    public var outputGradient: Tensor
    /// What a normalisation subtracted and multiplied with.
    public var normalization: (mean: Tensor, inverseStandardDeviation: Tensor)?

    /// How many of the examples, evenly spread, are enough for the statistics of the input; nil for all of them.
    var inputExamples: Int?

    public init(
        input: Tensor, outputGradient: Tensor,
        normalization: (mean: Tensor, inverseStandardDeviation: Tensor)? = nil
    ) {
        self.input = input
        self.outputGradient = outputGradient
        self.normalization = normalization
    }

    /// How many examples took part.
    public var examples: Int { input.size(0) }

    /// The same with input and output gradient of one type: operators that choose their own precision leave them in two.
    public func inOneType() -> LayerRecord {
        guard input.dtype.isFloatingPoint, input.dtype != outputGradient.dtype else { return self }
        var record = self
        let dtype: DType = [input.dtype, outputGradient.dtype].contains(.float64) ? .float64 : .float32
        record.input = input.to(dtype)
        record.outputGradient = outputGradient.to(dtype)
        return record
    }

    /// The part that belongs to consecutive examples.
    public func examples(_ range: Range<Int>) -> LayerRecord {
        sliced { $0.narrowed(0, from: range.lowerBound, length: range.count) }
    }

    /// What the statistics of the input are made of.
    var inputSample: LayerRecord { inputExamples.map { thinned(to: $0) } ?? self }

    /// `count` examples, evenly spread over the batch, or all if there are no more.
    func thinned(to count: Int) -> LayerRecord {
        guard examples > count else { return self }
        // Every step-th, and of those the first: never fewer than asked for.
        let step = examples / count
        return sliced { $0.sliced(0, to: step * count, step: step) }
    }

    private func sliced(_ slice: (Tensor) -> Tensor) -> LayerRecord {
        var part = self
        part.input = slice(input)
        part.outputGradient = slice(outputGradient)
        // Statistics of each example (N x …) go with it; those of the batch (one number per channel) belong to all.
        if let (mean, scale) = normalization, mean.rank > 1 { part.normalization = (slice(mean), slice(scale)) }
        return part
    }
}

/// Splits `count` examples into `parts` consecutive ranges; the first ones are larger by one where it does not divide.
public func subBatchRanges(_ count: Int, parts: Int) -> [Range<Int>] {
    var start = 0
    return (0..<parts).map { part in
        let size = count / parts + (part < count % parts ? 1 : 0)
        defer { start += size }
        return start..<start + size
    }
}
