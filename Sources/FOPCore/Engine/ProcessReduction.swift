import TorchCore

/// How sums are taken over processes. A single process has nothing to do.
public protocol ProcessReduction: AnyObject {
    /// How many processes there are.
    var processes: Int { get }

    /// The mean gradients of the sub-batches over all processes, from those of this process.
    func subBatchMeans(_ local: [Tensor], block: Int) -> [Tensor]

    /// The mean over all processes of a block's curvature statistics.
    func meanStatistics(_ local: [Tensor], block: Int) -> [Tensor]

    /// Whether a truth value holds in every process.
    func allTrue(_ local: Tensor) -> Tensor
}

/// One process: every sum is its own.
public final class SingleProcess: ProcessReduction {
    public init() {}
    public var processes: Int { 1 }
    public func subBatchMeans(_ local: [Tensor], block: Int) -> [Tensor] { local }
    public func meanStatistics(_ local: [Tensor], block: Int) -> [Tensor] { local }
    public func allTrue(_ local: Tensor) -> Tensor { local }
}
