import TorchCore

private enum Op {
    static let convolution = Operator("aten::convolution")
}

extension Tensor {
    /// A convolution (in fact a cross-correlation) over N x channels x one, two or three dimensions.
    /// - Parameters:
    ///   - weight: outputs x inputs / groups x kernel…; transposed: inputs x outputs / groups x kernel….
    ///   - stride: one number per dimension of the kernel, and so for `padding` and `dilation`.
    ///   - transposed: whether to compute what the convolution's gradient with respect to its input would be.
    ///   - outputPadding: how much longer the output of a transposed convolution is at its end; 0 by default.
    public func convolution(
        weight: Tensor, bias: Tensor? = nil, stride: [Int], padding: [Int], dilation: [Int], transposed: Bool = false,
        outputPadding: [Int]? = nil, groups: Int = 1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.convolution, file: file, line: line) {
            $0.push(self)
            $0.push(weight)
            $0.push(bias)
            $0.push(stride)
            $0.push(padding)
            $0.push(dilation)
            $0.push(transposed)
            $0.push(outputPadding ?? [Int](repeating: 0, count: stride.count))
            $0.push(groups)
        }
    }
}
