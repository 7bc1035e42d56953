import TorchCore

/// How the sum of a a^T over a convolution's patches is formed.
enum InputProductMethod {
    /// Each patch is written down.
    case unfolding
    /// See ``PatchProducts``.
    case lags([PatchAxis])
    /// See ``RowPairProducts``.
    case rowPairs(RowPairProducts)

    /// The cheapest for images like this. On other devices than CPUs unfolding is cheap, and convolutions may round
    /// more than factors should be.
    init(_ layer: ConvolutionGeometry, _ image: Tensor) {
        self = .unfolding
        guard image.device.kind == .cpu, layer.kernel.contains(where: { $0 > 1 }) else { return }
        let axes = layer.kernel.indices.map {
            PatchAxis(
                size: image.size(2 + $0), kernel: layer.kernel[$0], padding: layer.padding[$0],
                dilation: layer.dilation[$0], stride: layer.stride[$0])
        }
        let channels = layer.weightShape[1]
        var cost = PatchProducts.unfoldedCost(channels: channels, axes)
        if layer.stride.allSatisfy({ $0 == 1 }) {
            let lagged = PatchProducts(groups: layer.groups).cost(channels: channels, axes)
            if lagged < cost { (self, cost) = (.lags(axes), lagged) }
        }
        guard axes.count == 2, layer.groups == 1 else { return }
        let pairs = RowPairProducts(rows: axes[0], columns: axes[1], channels: channels)
        // Both others spend a third of their time on copies, borders and putting in order (measured).
        if pairs.isCompact, 2 * pairs.cost <= 3 * cost { self = .rowPairs(pairs) }
    }
}
