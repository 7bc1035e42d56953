import Torch

/// Some examples of a set, ready for a model.
public struct Batch: Sendable {
    /// float32, n x C x H x W, normalised.
    public let images: Tensor
    /// int64, n.
    public let labels: Tensor
    /// The batch's number in its epoch, from 0.
    public let index: Int

    /// The number of examples.
    public var count: Int { labels.count }
}
