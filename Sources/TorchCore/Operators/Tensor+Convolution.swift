private enum Op {
    static let convolutionBackward = Operator("aten::convolution_backward")
    static let im2col = Operator("aten::im2col")
    static let pad = Operator("aten::pad")
}

extension Tensor {
    /// The gradient of a convolution's weight: `self` is the derivative with respect to the output, N x o x ….
    /// - Parameters:
    ///   - input: N x c x …
    ///   - weight: gives the shape only.
    public func convolutionWeightGradient(
        input: Tensor, weight: Tensor, stride: [Int], padding: [Int], dilation: [Int], transposed: Bool = false,
        outputPadding: [Int]? = nil, groups: Int, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        callMany(Op.convolutionBackward, results: 3, file: file, line: line) {
            $0.push(self)
            $0.push(input)
            $0.push(weight)
            $0.push([0] as [Int]?)
            $0.push(stride)
            $0.push(padding)
            $0.push(dilation)
            $0.push(transposed)
            $0.push(outputPadding ?? [Int](repeating: 0, count: stride.count))
            $0.push(groups)
            $0.push([false, true, false])
        }[1]
    }

    /// The patches of N x c x H x W that a kernel sees, as N x (c * kh * kw) x positions.
    public func unfolded(
        kernel: [Int], stride: [Int], padding: [Int], dilation: [Int], file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        call(Op.im2col, file: file, line: line) {
            $0.push(self)
            $0.push(kernel)
            $0.push(dilation)
            $0.push(padding)
            $0.push(stride)
        }
    }

    /// Zeros put around: `amounts` are before and after, last dimension first.
    public func padded(_ amounts: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.pad, file: file, line: line) {
            $0.push(self)
            $0.push(amounts)
            $0.push("constant")
            $0.push(0.0 as Double?)
        }
    }
}
