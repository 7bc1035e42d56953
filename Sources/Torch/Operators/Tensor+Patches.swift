import TorchCore

private enum Op {
    static let asStrided = Operator("aten::as_strided")
}

/// Convolutions as matrix products with the patches of the image, where that is faster on a CPU than
/// `aten::convolution`: in the forward or the backward pass LibTorch takes twice as long, and up to four times.
extension Tensor {
    /// The patches that a convolution without groups sees, N x (channels * kernel) x height x width of the output, if
    /// they are cheap to form: of 1 x 1 kernels that leave pixels out, and of images of one channel.
    /// - Parameter weight: outputs x channels x kernel.
    func cheapPatches(weight: Tensor, stride: [Int], padding: [Int], dilation: [Int]) -> Tensor? {
        guard rank == 4, weight.rank == 4, device.kind == .cpu, dtype == weight.dtype,
            dtype == .float32 || dtype == .float64, !isAutocastEnabled(.cpu)
        else { return nil }
        let (shape, kernel) = (shape, weight.shape)
        guard count > 0, shape[1] == kernel[1] else { return nil }
        if kernel[2...] == [1, 1], padding == [0, 0], stride != [1, 1], isChannelsLast {
            // Means of single pixels: a strided view would have its gradient written to zeros first.
            return averagePooled(kernel: [1, 1], stride: stride)
        }
        let patch = kernel[2] * kernel[3]
        // Not larger than the output. A gradient would have to be put together from overlapping patches.
        guard shape[1] == 1, patch > 1, patch <= kernel[0], !requiresGradient else { return nil }
        return onlyChannelPatches(kernel: Array(kernel[2...]), stride: stride, padding: padding, dilation: dilation)
    }

    /// Whether several channels lie next to each other in memory.
    private var isChannelsLast: Bool {
        let strides = strides
        return size(1) > 1 && strides[1] == 1 && strides[3] >= size(1)
    }

    /// The patches of an image of one channel: all that lie under one kernel position next to each other. Nil where the
    /// kernel does not fit.
    private func onlyChannelPatches(kernel: [Int], stride: [Int], padding: [Int], dilation: [Int]) -> Tensor? {
        let room = (0..<2).map { size(2 + $0) + 2 * padding[$0] - dilation[$0] * (kernel[$0] - 1) - 1 }
        guard room.allSatisfy({ $0 >= 0 }) else { return nil }
        let positions = (0..<2).map { room[$0] / stride[$0] + 1 }
        let image = padding == [0, 0] ? self : padded([padding[1], padding[1], padding[0], padding[0]])
        let strides = image.strides
        let viewStrides = [
            strides[2] * dilation[0], strides[3] * dilation[1], strides[0], strides[2] * stride[0],
            strides[3] * stride[1],
        ]
        let view: Tensor = call(Op.asStrided, file: #fileID, line: #line) {
            $0.push(image)
            $0.push(kernel + [size(0)] + positions)
            $0.push(viewStrides)
            $0.pushNone()
        }
        return view.reshaped([kernel[0] * kernel[1], size(0)] + positions).permuted([1, 0, 2, 3])
    }

    /// The convolution, from its patches; channels last in memory.
    /// - Parameters:
    ///   - weight: outputs x channels x kernel.
    ///   - bias: outputs.
    func pointwiseConvolution(weight: Tensor, bias: Tensor?) -> Tensor {
        let shape = shape
        return permuted([0, 2, 3, 1]).reshaped([-1, shape[1]])
            .linear(weight: weight.reshaped([weight.size(0), shape[1]]), bias: bias)
            .reshaped([shape[0], shape[2], shape[3], weight.size(0)]).permuted([0, 3, 1, 2])
    }
}
