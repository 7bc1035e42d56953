import TorchCore

private enum Op {
    static let groupNorm = Operator("aten::native_group_norm")
}

/// `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`, mean and (biased) variance over
/// each example's groups of channels: N x channels x ….
public final class GroupNorm: Module, Layer {
    /// Into how many groups the channels are divided.
    public let groups: Int
    /// The scale of each channel.
    public let weight: Parameter?
    /// The shift of each channel.
    public let bias: Parameter?
    /// Added to the variance.
    public let epsilon: Double

    /// Scales are 1 and shifts 0 at first.
    /// - Parameters:
    ///   - groups: a divisor of `channels`.
    ///   - affine: whether there are a scale and a shift.
    public init(groups: Int, channels: Int, epsilon: Double = 1e-5, affine: Bool = true) {
        checkArgument(
            groups > 0 && channels % groups == 0, of: "GroupNorm",
            "num_channels (\(channels)) must be divisible by num_groups (\(groups))")
        self.groups = groups
        weight = affine ? Parameter(.ones([channels])) : nil
        bias = affine ? Parameter(.zeros([channels])) : nil
        self.epsilon = epsilon
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let shape = input.shape
        guard
            checkArgument(
                shape.count >= 2, of: "GroupNorm",
                "Expected at least 2 dimensions for input tensor but received \(shape.count)")
        else { return .undefined }
        // Operators on devices read memory as channels first; the processor's knows channels last as well.
        let channelsLast = shape.count == 4 && input.device.kind == .cpu && !input.isContiguous
        let dense = input.contiguous(channelsLast ? .channelsLast : .contiguous)
        let (output, mean, inverse) = call3(Op.groupNorm, file: #fileID, line: #line) {
            $0.push(dense)
            $0.push(weight?.value)
            $0.push(bias?.value)
            $0.push(shape[0])
            $0.push(shape[1])
            $0.push(shape.dropFirst(2).reduce(1, *))
            $0.push(groups)
            $0.push(epsilon)
        }
        return observed(
            input: input, output: output, context: .normalization(mean: mean, inverseStandardDeviation: inverse))
    }
}
