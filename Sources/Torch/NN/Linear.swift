import TorchCore

private enum Op {
    static let linear = Operator("aten::linear")
}

/// `y = x W^T + b`, over the last dimension.
public final class Linear: Module, Layer {
    /// output features x input features
    public let weight: Parameter
    /// output features
    public let bias: Parameter?

    /// Weights and bias are drawn from U(-1/sqrt(inputs), 1/sqrt(inputs)), as torch's.
    public init(_ inputs: Int, _ outputs: Int, bias: Bool = true, generator: Generator = .default) {
        let bound = 1 / Double(inputs).squareRoot()
        weight = Parameter(.uniform([outputs, inputs], from: -bound, to: bound, generator: generator))
        self.bias = bias ? Parameter(.uniform([outputs], from: -bound, to: bound, generator: generator)) : nil
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let output = call(Op.linear, file: #fileID, line: #line) {
            $0.push(input)
            $0.push(weight.value)
            $0.push(bias?.value)
        }
        return observed(input: input, output: output)
    }
}
