import TorchCore

/// Dimensions `start` to `end` made one: what stands between pictures and linear layers.
public final class Flatten: Module, Layer {
    /// The first and the last dimension that are joined.
    public let start, end: Int

    /// By default all but the batch's dimension.
    public init(from start: Int = 1, to end: Int = -1) {
        self.start = start
        self.end = end
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.flattened(from: start, to: end) }
}

/// The input itself.
public final class Identity: Module, Layer {
    public func callAsFunction(_ input: Tensor) -> Tensor { input }
}
