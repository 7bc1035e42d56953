import CTorch

/// Where a tensor's memory is: `.cpu`, `.cuda`, `.cuda(1)`, `.mps`.
public struct Device: Hashable, Sendable, CustomStringConvertible {
    /// The kind of device. Raw values are LibTorch's codes.
    public enum Kind: Int32, Sendable {
        case cpu = 0
        case cuda = 1
        case mps = 13
        case meta = 14
    }

    /// The kind of device.
    public let kind: Kind
    /// Which one of its kind; -1 is the current one.
    public let index: Int

    /// A device by kind and number.
    public init(_ kind: Kind, index: Int = -1) {
        self.kind = kind
        self.index = index
    }

    /// The processor.
    public static let cpu = Device(.cpu)
    /// The current CUDA device.
    public static let cuda = Device(.cuda)
    /// A CUDA device by number.
    public static func cuda(_ index: Int) -> Device { Device(.cuda, index: index) }
    /// Apple's GPU.
    public static let mps = Device(.mps)
    /// No memory at all: shapes and types only.
    public static let meta = Device(.meta)

    /// Reads torch's notation: `cpu`, `cuda`, `cuda:1`.
    /// - Throws: ``TorchError/invalidValue(_:)`` for anything else.
    public init(_ text: String) throws {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let kinds: [String: Kind] = ["cpu": .cpu, "cuda": .cuda, "mps": .mps, "meta": .meta]
        guard parts.count <= 2, let first = parts.first, let kind = kinds[String(first)] else {
            throw TorchError.invalidValue("device '\(text)' is not known: use cpu, cuda, cuda:N or mps")
        }
        guard parts.count == 2 else {
            self.init(kind)
            return
        }
        guard let index = Int8(parts[1]), index >= 0 else {
            throw TorchError.invalidValue("device '\(text)': '\(parts[1])' is not a device number from 0 to 127")
        }
        self.init(kind, index: Int(index))
    }

    /// Torch's notation.
    public var description: String {
        index < 0 ? "\(kind)" : "\(kind):\(index)"
    }

    /// The form in which operators take a device.
    @usableFromInline var stableValue: UInt64 {
        UInt64(UInt32(bitPattern: kind.rawValue)) << 32 | UInt64(UInt32(bitPattern: Int32(index)))
    }
}

/// The order in which a tensor's elements lie in memory. Raw values are LibTorch's codes.
public enum MemoryFormat: Int32, Sendable {
    /// Row-major: the last dimension is dense.
    case contiguous = 0
    /// As the input has it.
    case preserve = 1
    /// N, H, W, C in memory for a tensor of shape N x C x H x W: what the fast convolutions want.
    case channelsLast = 2
    /// The same for N x C x D x H x W.
    case channelsLast3d = 3
}
