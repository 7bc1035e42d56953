import TorchCore

/// The sum over examples and positions of a a^T, where a is the patch that a convolution of two dimensions sees at a
/// position, from products of the image's rows with one another.
///
/// Two rows that lie under one patch are multiplied whole, all of their pixels and channels with each other. What a
/// pair of kernel positions adds up to is the sum of those of these products that some position brings under the pair.
/// Nothing is unfolded, and nothing at the border has to be taken off again, so that this is the fastest way for small
/// images. The cost grows with the square of their width.
struct RowPairProducts {
    /// Down and across.
    let rows, columns: PatchAxis
    let channels: Int

    private var width: Int { columns.size * channels }

    /// - Parameter image: N x channels x height x width.
    /// - Returns: (channels * kernel…) x (channels * kernel…), in the order of torch's `unfold`.
    func sum(_ image: Tensor) -> Tensor {
        let pixels = image.permuted([2, 0, 3, 1]).reshaped([rows.size, image.size(0), width])
        var products: [[Tensor]] = Array(repeating: [], count: rows.kernel)
        for lag in 0..<rows.kernel {
            for (upper, product) in tapProducts(pixels, lag).enumerated() {
                // Of the pair (k, k + lag), then of the same in the other order.
                products[upper].append(product)
                if lag > 0 { products[upper + lag].insert(product.permuted([2, 3, 0, 1]), at: 0) }
            }
        }
        let side = [rows.kernel, rows.kernel]
        let patch = channels * rows.kernel * columns.kernel
        return Tensor.stacked(products.flatMap { $0 })
            .reshaped(side + [columns.kernel, channels, columns.kernel, channels])
            .permuted([3, 0, 2, 5, 1, 4]).reshaped([patch, patch])
    }

    /// For each pair of kernel rows that lie `lag` apart, from the top: kernel columns x channels x kernel columns x
    /// channels.
    private func tapProducts(_ pixels: Tensor, _ lag: Int) -> [Tensor] {
        let uppers = upperRows(lag)
        let side = [columns.kernel, channels]
        guard let first = uppers.first, let last = uppers.last else {
            return Array(repeating: nothing(side + side, pixels), count: rows.kernel - lag)
        }
        let distance = lag * rows.dilation
        let upper = pixels.sliced(0, from: first, to: last + 1, step: uppers.step)
        let lower = pixels.sliced(0, from: first + distance, to: last + distance + 1, step: uppers.step)
        let sums = acrossPositions(upper.transposed().matmul(lower))
        return (0..<rows.kernel - lag).map { tap in
            let own = upperRows(lag, tap: tap)
            guard let from = own.first, let to = own.last else { return nothing(side + side, pixels) }
            return sums.sliced(
                0, from: (from - first) / uppers.step, to: (to - first) / uppers.step + 1, step: own.step / uppers.step
            ).sum([0])
        }
    }

    /// From products of pixels, pairs of rows x (width * channels) x (width * channels), the sum over the positions
    /// across: pairs of rows x kernel columns x channels x kernel columns x channels.
    private func acrossPositions(_ products: Tensor) -> Tensor {
        let pixels = [columns.size, channels]
        let pairs = products.reshaped([products.size(0)] + pixels + pixels)
        let side = [columns.kernel, channels]
        let sums = nothing([products.size(0)] + side + side, products)
        for position in 0..<columns.positions {
            let taps = columns.taps(position)
            guard let first = taps.first, let last = taps.last else { continue }
            func seen(_ tensor: Tensor, _ dimension: Int) -> Tensor {
                tensor.sliced(
                    dimension, from: columns.pixel(position, first), to: columns.pixel(position, last) + 1,
                    step: columns.dilation)
            }
            func reached(_ tensor: Tensor, _ dimension: Int) -> Tensor {
                tensor.narrowed(dimension, from: first, length: taps.count)
            }
            reached(reached(sums, 1), 3).addInPlace(seen(seen(pairs, 1), 3))
        }
        return sums
    }

    private func nothing(_ shape: [Int], _ other: Tensor) -> Tensor {
        Tensor.zeros(shape, dtype: other.dtype, device: other.device)
    }

    // MARK: Rows

    /// Rows of the image, every `step`-th.
    private struct Rows {
        let first, last: Int?
        let step: Int
        var count: Int {
            guard let first, let last else { return 0 }
            return (last - first) / step + 1
        }
    }

    /// The rows that come under the kernel's row `tap` together with the row under `tap + lag`.
    private func upperRows(_ lag: Int, tap: Int) -> Rows {
        let seeing = (0..<rows.positions).map { rows.pixel($0, tap) }
            .filter { $0 >= 0 && $0 + lag * rows.dilation < rows.size }
        return Rows(first: seeing.first, last: seeing.last, step: rows.stride)
    }

    /// The same for any of the kernel's rows.
    private func upperRows(_ lag: Int) -> Rows {
        let taps = (0..<rows.kernel - lag).map { upperRows(lag, tap: $0) }
        // Those under two of the kernel's rows lie between each other.
        let step = taps.count > 1 ? 1 : rows.stride
        return Rows(first: taps.compactMap(\.first).min(), last: taps.compactMap(\.last).max(), step: step)
    }

    // MARK: Cost

    /// Multiplications per example.
    var cost: Int { (0..<rows.kernel).reduce(0) { $0 + upperRows($1).count } * width * width }

    /// Whether the products of pixels take no more memory than a few factors of the layer do, or little.
    var isCompact: Bool {
        let patch = channels * rows.kernel * columns.kernel
        return upperRows(0).count * width * width <= max(1 << 22, 4 * patch * patch)
    }
}
