import TorchCore

private enum Op {
    static let layerNorm = Operator("aten::native_layer_norm")
}

/// `y = (x - mean) / sqrt(variance + epsilon) * weight + bias`, mean and (biased) variance over the last dimensions of
/// each example.
public final class LayerNorm: Module, Layer {
    /// The sizes of the last dimensions, over which is normalised.
    public let shape: [Int]
    /// The scale of each element, of that shape.
    public let weight: Parameter?
    /// The shift of each element, of that shape.
    public let bias: Parameter?
    /// Added to the variance.
    public let epsilon: Double

    /// Scales are 1 and shifts 0 at first.
    /// - Parameters:
    ///   - affine: whether there are a scale and a shift.
    ///   - bias: whether there is a shift, given a scale.
    public init(_ shape: [Int], epsilon: Double = 1e-5, affine: Bool = true, bias: Bool = true) {
        self.shape = shape
        weight = affine ? Parameter(.ones(shape)) : nil
        self.bias = affine && bias ? Parameter(.zeros(shape)) : nil
        self.epsilon = epsilon
        super.init()
    }

    /// Over the last dimension alone.
    public convenience init(_ width: Int, epsilon: Double = 1e-5, affine: Bool = true, bias: Bool = true) {
        self.init([width], epsilon: epsilon, affine: affine, bias: bias)
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let (output, mean, inverse) = call3(Op.layerNorm, file: #fileID, line: #line) {
            $0.push(input)
            $0.push(shape)
            $0.push(weight?.value)
            $0.push(bias?.value)
            $0.push(epsilon)
        }
        return observed(
            input: input, output: output, context: .normalization(mean: mean, inverseStandardDeviation: inverse))
    }
}
