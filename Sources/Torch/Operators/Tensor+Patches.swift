import TorchCore

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
        // Where the kernel does not fit, the operator says so.
        let fits = (0..<2).allSatisfy { (side: Int) -> Bool in
            let reach = dilation[side] * (kernel[2 + side] - 1)
            return shape[2 + side] + 2 * padding[side] > reach
        }
        guard fits else { return nil }
        let view = patchView(kernel: Array(kernel[2...]), stride: stride, padding: padding, dilation: dilation)
        // All that lie under one kernel position next to each other.
        return view.permuted([3, 4, 5, 6, 0, 1, 2]).reshaped([patch] + view.shape[..<3]).permuted([1, 0, 2, 3])
    }

    /// Whether several channels lie next to each other in memory.
    private var isChannelsLast: Bool {
        let strides = strides
        return size(1) > 1 && strides[1] == 1 && strides[3] >= size(1)
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
