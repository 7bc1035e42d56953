import TorchCore

private enum Op {
    static let unfold = Operator("aten::unfold")
}

/// The sum over examples and positions of a a^T, where a is the patch that a convolution of stride 1 sees at a
/// position, without forming the patches.
///
/// Summed over *all* positions whose patch touches the image, the product of two kernel positions depends on their
/// difference alone: it is the correlation of the image with itself at that lag. A single convolution has all of them,
/// that of the weight gradient with the image in both places: for 3 x 3 kernels 15 products of c x c instead of 81, as
/// opposite lags have the same, and no copy of the image for each kernel position. What positions outside of the
/// layer's own output add is taken off again. They lie along the border and see a few rows of the image only: as
/// channels these make a problem of one dimension less.
struct PatchProducts {
    let groups: Int

    /// - Parameters:
    ///   - image: N x (groups * channels) x sizes….
    /// - Returns: groups x (channels * kernel…) x (channels * kernel…), in the order of torch's `unfold`.
    func sum(_ image: Tensor, _ axes: [PatchAxis]) -> Tensor {
        let columns = image.size(1) / groups * axes.reduce(1) { $0 * $1.kernel }
        return products(image, axes).reshaped([groups, columns, columns])
    }

    /// groups x channels x kernel… x channels x kernel…
    private func products(_ image: Tensor, _ axes: [PatchAxis]) -> Tensor {
        let result = axes.isEmpty ? channelProducts(image) : laggedProducts(image, axes)
        for (dimension, axis) in axes.enumerated() {
            for position in axis.outside {
                let taps = axis.taps(position)
                guard !taps.isEmpty else { continue }
                let rest = PatchProducts.rest(axes, without: dimension)
                let border = products(rows(image, dimension, axis, position, taps), rest)
                subtract(border, from: result, dimension, taps, axes)
            }
        }
        return result
    }

    /// The other dimensions. Those before are not to be taken off twice, and those after have not been taken off yet.
    private static func rest(_ axes: [PatchAxis], without dimension: Int) -> [PatchAxis] {
        axes[..<dimension] + axes[(dimension + 1)...].map(\.unlimited)
    }

    /// The rows of the image that a position sees, as further channels: N x (groups * channels * taps) x rest… .
    private func rows(_ image: Tensor, _ dimension: Int, _ axis: PatchAxis, _ position: Int, _ taps: Range<Int>) -> Tensor {
        let start = position - axis.padding + taps.lowerBound * axis.dilation
        let end = start + (taps.count - 1) * axis.dilation + 1
        let seen = image.sliced(2 + dimension, from: start, to: end, step: axis.dilation)
        let others = (2..<image.rank).filter { $0 != 2 + dimension }
        let shape = [image.size(0), image.size(1) * taps.count] + others.map { image.size($0) }
        return seen.permuted([0, 1, 2 + dimension] + others).reshaped(shape)
    }

    /// - Parameter border: groups x (channels * taps) x kernel… x (channels * taps) x kernel…, without `dimension`.
    private func subtract(
        _ border: Tensor, from result: Tensor, _ dimension: Int, _ taps: Range<Int>, _ axes: [PatchAxis]
    ) {
        let channels = result.size(1)
        let kernel = axes.map(\.kernel)
        let rest = Array(kernel[..<dimension] + kernel[(dimension + 1)...])
        let half = [channels, taps.count] + rest
        // The taps are moved to where the dimension was.
        let count = half.count
        let order = [0] + Array(2..<2 + dimension) + [1] + Array((2 + dimension)..<count)
        let view = border.reshaped([groups] + half + half)
            .permuted([0] + order.map { 1 + $0 } + order.map { 1 + count + $0 })
        let narrow = result.narrowed(2 + dimension, from: taps.lowerBound, length: taps.count)
            .narrowed(3 + kernel.count + dimension, from: taps.lowerBound, length: taps.count)
        narrow.copy(from: narrow - view)
    }

    private func channelProducts(_ image: Tensor) -> Tensor {
        let rows = image.reshaped([image.size(0), groups, -1]).permuted([1, 0, 2])
        return rows.transposed().matmul(rows)
    }

    /// Over all positions: the weight gradient of a convolution whose output gradient is the image itself.
    private func laggedProducts(_ image: Tensor, _ axes: [PatchAxis]) -> Tensor {
        // Lag k2 - k1 is the k2-th entry of the window that begins at K - 1 - k1.
        var windows = correlations(image, axes)
        for (dimension, axis) in axes.enumerated() { windows = windowed(windows, 3 + dimension, axis.kernel) }
        let first = Array(3..<3 + axes.count)
        let second = first.map { $0 + axes.count }
        let order = [0, 1] + first + [2] + second
        return windows.flipped(first).permuted(order).contiguous()
    }

    /// The correlation of each channel with each at all lags, groups x channels x channels x lags…, each dimension's
    /// from -(K - 1) to K - 1. Those of the first dimension are computed from 0 on: at the opposite lag the two
    /// channels have changed places.
    private func correlations(_ image: Tensor, _ axes: [PatchAxis]) -> Tensor {
        let channels = image.size(1) / groups
        let reach = axes.map { ($0.kernel - 1) * $0.dilation }
        let lags = [axes[0].kernel] + axes.dropFirst().map { 2 * $0.kernel - 1 }
        let weight = Tensor.empty([image.size(1), channels] + lags, dtype: image.dtype, device: image.device)
        let positive = image.convolutionWeightGradient(
            input: image.padded([Int](repeating: 0, count: 2 * axes.count - 1) + [reach[0]]), weight: weight,
            stride: axes.map { _ in 1 }, padding: [0] + reach.dropFirst(), dilation: axes.map(\.dilation), groups: groups
        ).reshaped([groups, channels, channels] + lags)
        guard axes[0].kernel > 1 else { return positive }
        let negative = positive.narrowed(3, from: 1, length: axes[0].kernel - 1)
            .transposed(1, 2).flipped(Array(3..<3 + axes.count))
        return Tensor.concatenated([negative, positive], 3)
    }

    /// All windows of a size along a dimension; their entries are a new last dimension.
    private func windowed(_ tensor: Tensor, _ dimension: Int, _ size: Int) -> Tensor {
        call(Op.unfold, file: #fileID, line: #line) {
            $0.push(tensor)
            $0.push(dimension)
            $0.push(size)
            $0.push(1)
        }
    }

    // MARK: Cost

    /// Multiplications per example.
    func cost(channels: Int, _ axes: [PatchAxis]) -> Int {
        let lags = axes.enumerated().map { $0 == 0 ? $1.kernel : 2 * $1.kernel - 1 }
        let own = channels * channels * zip(axes, lags).reduce(1) { $0 * $1.0.size * $1.1 }
        return axes.enumerated().reduce(own) { sum, element in
            let (dimension, axis) = element
            let rest = PatchProducts.rest(axes, without: dimension)
            return axis.outside.reduce(sum) { $0 + cost(channels: channels * axis.taps($1).count, rest) }
        }
    }

    /// The same for the product of unfolded patches.
    static func unfoldedCost(channels: Int, _ axes: [PatchAxis]) -> Int {
        let columns = channels * axes.reduce(1) { $0 * $1.kernel }
        return columns * columns * axes.reduce(1) { $0 * max(0, $1.positions) }
    }
}
