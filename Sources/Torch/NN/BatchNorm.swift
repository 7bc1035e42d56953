import TorchCore

private enum Op {
    static let batchNorm = Operator("aten::_batch_norm_impl_index")
}

/// Normalises each channel over batch and positions, then scales and shifts it: N x channels x ….
public final class BatchNorm: Module, Layer {
    /// The scale of each channel.
    public let weight: Parameter?
    /// The shift of each channel.
    public let bias: Parameter?
    /// What evaluation uses: moving averages of the batches' means and unbiased variances.
    public let runningMean, runningVariance: Buffer
    /// How many batches were averaged.
    public let batchCount: Buffer
    /// The share of the newest batch in the moving averages.
    public let momentum: Double
    /// Added to the variance.
    public let epsilon: Double

    /// - Parameter affine: whether there are a scale and a shift.
    public init(_ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1, affine: Bool = true) {
        weight = affine ? Parameter(.ones([channels])) : nil
        bias = affine ? Parameter(.zeros([channels])) : nil
        runningMean = Buffer(.zeros([channels]))
        runningVariance = Buffer(.ones([channels]))
        batchCount = Buffer(.zeros([], dtype: .int64))
        self.momentum = momentum
        self.epsilon = epsilon
        super.init()
    }

    /// Parts under torch's names.
    public override var children: [(name: String, part: ModulePart)] {
        [
            weight.map { ("weight", .parameter($0)) }, bias.map { ("bias", .parameter($0)) },
            ("running_mean", .buffer(runningMean)), ("running_var", .buffer(runningVariance)),
            ("num_batches_tracked", .buffer(batchCount)),
        ].compactMap { $0 }
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let training = isTraining
        if training { withoutGradients { batchCount.value = batchCount.value + 1 } }
        let results = callMany(Op.batchNorm, results: 4, file: #fileID, line: #line) {
            $0.push(input)
            $0.push(weight?.value)
            $0.push(bias?.value)
            $0.push(runningMean.value as Tensor?)
            $0.push(runningVariance.value as Tensor?)
            $0.push(training)
            $0.push(momentum)
            $0.push(epsilon)
            $0.push(true)
        }
        let context: LayerContext =
            training ? .normalization(mean: results[1], inverseStandardDeviation: results[2]) : .none
        return observed(input: input, output: results[0], context: context)
    }
}
