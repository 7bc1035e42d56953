private enum Op {
    static let convolutionBackward = Operator("aten::convolution_backward")
    static let im2col = Operator("aten::im2col")
    static let asStrided = Operator("aten::as_strided")
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

    /// The patches of N x c x sizes… that a kernel of one to three dimensions sees, N x positions… x groups x c / groups
    /// x kernel…: a view, of a copy only where there is padding.
    public func patchView(
        kernel: [Int], stride: [Int], padding: [Int], dilation: [Int], groups: Int = 1, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        let around = padding.reversed().flatMap { [$0, $0] }
        let image = padding.allSatisfy { $0 == 0 } ? self : padded(around, file: file, line: line)
        let (sizes, strides) = (image.shape, image.strides)
        let channels = sizes[1] / groups
        let positions = kernel.indices.map { (sizes[2 + $0] - dilation[$0] * (kernel[$0] - 1) - 1) / stride[$0] + 1 }
        let positionStrides = kernel.indices.map { strides[2 + $0] * stride[$0] }
        let kernelStrides = kernel.indices.map { strides[2 + $0] * dilation[$0] }
        return call(Op.asStrided, file: file, line: line) {
            $0.push(image)
            $0.push([sizes[0]] + positions + [groups, channels] + kernel)
            $0.push([strides[0]] + positionStrides + [strides[1] * channels, strides[1]] + kernelStrides)
            $0.pushNone()
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
