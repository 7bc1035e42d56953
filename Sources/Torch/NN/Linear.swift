import TorchCore

private enum Op {
    static let linear = Operator("aten::linear")
}

/// `y = x W^T + b`, over the last dimension: … x inputs becomes … x outputs.
public final class Linear: Module, Layer {
    /// output features x input features
    public let weight: Parameter
    /// output features
    public let bias: Parameter?

    /// Weights and bias are drawn from U(-1/sqrt(inputs), 1/sqrt(inputs)), as torch's.
    public init(_ inputs: Int, _ outputs: Int, bias: Bool = true, generator: Generator = .default) {
        weight = Parameter(Initializer.layerWeight([outputs, inputs], generator: generator))
        self.bias = bias ? Parameter(Initializer.layerBias(fanIn: inputs)([outputs], generator: generator)) : nil
        super.init()
    }

    /// With a given weight, outputs x inputs, and bias; taken as they are, not copied.
    public init(weight: Tensor, bias: Tensor? = nil) {
        self.weight = Parameter(weight)
        self.bias = bias.map { Parameter($0) }
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let output = input.linear(weight: weight.value, bias: bias?.value)
        return observed(input: input, output: output)
    }
}

extension Tensor {
    /// `x W^T + b`, over the last dimension.
    /// - Parameter weight: outputs x inputs.
    public func linear(
        weight: Tensor, bias: Tensor? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.linear, file: file, line: line) {
            $0.push(self)
            $0.push(weight)
            $0.push(bias)
        }
    }
}
