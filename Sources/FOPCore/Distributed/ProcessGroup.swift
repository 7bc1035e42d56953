import TorchCore

/// Processes that add up tensors together.
public protocol ProcessGroup: AnyObject {
    /// How many processes there are.
    var size: Int { get }
    /// Which one this is, from 0.
    var rank: Int { get }

    /// The elementwise sum over all processes, the same bits in each. All of them have to call it.
    func sum(_ tensor: Tensor) -> Tensor
}

/// A process group of LibTorch (c10d), by the name under which it is registered: one that Python has made is found under
/// its `group_name`.
public final class NamedProcessGroup: ProcessGroup {
    public let name: String
    public let size: Int
    public let rank: Int

    public init(name: String, rank: Int, size: Int) {
        self.name = name
        self.rank = rank
        self.size = size
    }

    public func sum(_ tensor: Tensor) -> Tensor { tensor.summedOverProcesses(ofGroup: name) }
}
