import TorchCore

private enum Op {
    static let rmsNorm = Operator("aten::_fused_rms_norm")
}

/// `y = x / sqrt(mean(x^2) + epsilon) * weight`, the mean over the last dimensions of each example.
public final class RMSNorm: Module, Layer {
    /// The sizes of the last dimensions, over which is normalised.
    public let shape: [Int]
    /// The scale of each element, of that shape.
    public let weight: Parameter?
    /// Added to the mean square; nil: the distance from 1 to the next number of the input's type.
    public let epsilon: Double?

    /// Scales are 1 at first.
    /// - Parameter affine: whether there is a scale.
    public init(_ shape: [Int], epsilon: Double? = nil, affine: Bool = true) {
        self.shape = shape
        weight = affine ? Parameter(.ones(shape)) : nil
        self.epsilon = epsilon
        super.init()
    }

    /// Over the last dimension alone.
    public convenience init(_ width: Int, epsilon: Double? = nil, affine: Bool = true) {
        self.init([width], epsilon: epsilon, affine: affine)
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let (output, inverse) = call2(Op.rmsNorm, file: #fileID, line: #line) {
            $0.push(input)
            $0.push(shape)
            $0.push(weight?.value)
            $0.push(epsilon)
        }
        return observed(
            input: input, output: output,
            context: .normalization(mean: inverse.zerosLike(), inverseStandardDeviation: inverse))
    }
}
