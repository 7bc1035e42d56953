import TorchCore

extension Tensor {
    /// A convolution of 1 x 1 kernels that leaves pixels out, as a matrix product with those that stay. Its gradient with
    /// respect to the image takes half the time of that of `aten::convolution` on a CPU.
    /// - Parameters:
    ///   - weight: outputs x channels x 1 x 1.
    ///   - bias: outputs.
    ///   - stride: one number for each of the two dimensions.
    func thinnedPointwise(weight: Tensor, bias: Tensor?, stride: [Int]) -> Tensor {
        // Means of single pixels: a strided view would have its gradient written to zeros first.
        let pixels = averagePooled(kernel: [1, 1], stride: stride).permuted([0, 2, 3, 1])
        return pixels.linear(weight: weight.reshaped([weight.size(0), weight.size(1)]), bias: bias)
            .permuted([0, 3, 1, 2])
    }

    /// Whether `thinnedPointwise` is of use: pictures on a CPU whose channels lie next to each other in memory.
    func isThinnedFaster(for weight: Tensor) -> Bool {
        guard rank == 4, weight.rank == 4, device.kind == .cpu, dtype == weight.dtype else { return false }
        guard dtype == .float32 || dtype == .float64 else { return false }
        let (shape, strides) = (shape, strides)
        return count > 0 && shape[1] == weight.size(1) && shape[1] > 1 && strides[1] == 1 && strides[3] >= shape[1]
    }
}
