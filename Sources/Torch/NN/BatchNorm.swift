import TorchCore

/// `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`, the statistics per channel over batch and positions:
/// N x channels x …, of any number of dimensions.
///
/// In training the variance is the biased one, and the moving averages take up the share `momentum` of the batch's mean
/// and unbiased variance; in evaluation they take the statistics' place.
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

    /// Scales are 1 and shifts 0 at first.
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
        if training {
            guard hasStatistics(input) else { return .undefined }
        }
        let newMean = training ? runningMean.value.cloned() : runningMean.value
        let newVariance = training ? runningVariance.value.cloned() : runningVariance.value
        let (output, mean, inverse) = input.batchNormalized(
            weight: weight?.value, bias: bias?.value, runningMean: newMean, runningVariance: newVariance,
            training: training, momentum: momentum, epsilon: epsilon)
        if training, input.count > 0 { take(newMean, newVariance) }
        return observed(
            input: input, output: output,
            context: training ? .normalization(mean: mean, inverseStandardDeviation: inverse) : runningContext)
    }

    /// Takes the new moving averages over, unless something is not finite: a bad batch would spoil every evaluation
    /// from then on. What an optimizer leaves out for another reason it takes back itself.
    private func take(_ mean: Tensor, _ variance: Tensor) {
        Buffer.proposeIfFinite([(runningMean, mean), (runningVariance, variance)])
        batchCount.propose(batchCount.value + 1)
    }

    /// Whether a channel has more than one value; one alone would always become 0.
    private func hasStatistics(_ input: Tensor) -> Bool {
        let shape = input.shape
        return checkArgument(
            shape.count < 2 || shape[0] * shape.dropFirst(2).reduce(1, *) != 1, of: "BatchNorm",
            "Expected more than 1 value per channel when training, got input size \(shape)")
    }

    private var runningContext: LayerContext {
        .normalization(
            mean: runningMean.value,
            inverseStandardDeviation: runningVariance.value.adding(epsilon).reciprocalSquareRoot())
    }
}
