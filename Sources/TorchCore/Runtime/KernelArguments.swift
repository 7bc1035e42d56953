import CTorch

/// The arguments of an operator that this package registers with the dispatcher: the counterpart of ``ArgumentStack``.
///
/// Take each of them once, in the schema's order, before anything can fail: the stack owns them.
public struct KernelArguments {
    private let stack: UnsafeMutablePointer<UInt64>
    private var position = 0

    /// - Parameter stack: as the dispatcher hands it to a kernel.
    public init(_ stack: UnsafeMutablePointer<UInt64>) { self.stack = stack }

    private mutating func next() -> UInt64 {
        defer { position += 1 }
        return stack[position]
    }

    /// `Tensor`
    public mutating func tensor() -> Tensor { Tensor(owning: OpaquePointer(bitPattern: UInt(next()))!) }

    /// `Tensor?`
    public mutating func optionalTensor() -> Tensor? {
        StableABI.takeOptional(next()).map { Tensor(owning: OpaquePointer(bitPattern: UInt($0))!) }
    }

    /// `Tensor[]`
    public mutating func tensors() -> [Tensor] { StackMemory.takeTensors(next()) }

    /// `int`
    public mutating func int() -> Int { Int(Int64(bitPattern: next())) }

    /// `int[]`
    public mutating func ints() -> [Int] { StackMemory.takeValues(next()).map { Int(Int64(bitPattern: $0)) } }

    /// `float`
    public mutating func double() -> Double { Double(bitPattern: next()) }

    /// `float[]`
    public mutating func doubles() -> [Double] { StackMemory.takeValues(next()).map { Double(bitPattern: $0) } }

    /// `bool`
    public mutating func bool() -> Bool { next() & 0xFF != 0 }

    /// `str`
    public mutating func string() -> String { StackMemory.takeString(next()) }
}

/// A result of an operator that this package registers.
public enum KernelResult {
    case tensor(Tensor)
    case tensors([Tensor])
    case int(Int)
    case ints([Int])
    case bool(Bool)
    case double(Double)
    case string(String)

    /// The value for the dispatcher's stack, which owns it.
    public var stackValue: UInt64 {
        switch self {
        case .tensor(let tensor): KernelResult.handle(tensor)
        case .tensors(let tensors): StackMemory.list(tensors.map(KernelResult.handle))
        case .int(let value): UInt64(bitPattern: Int64(value))
        case .ints(let values): StackMemory.list(values)
        case .bool(let value): value ? 1 : 0
        case .double(let value): value.bitPattern
        case .string(let text): StackMemory.string(text)
        }
    }

    private static func handle(_ tensor: Tensor) -> UInt64 {
        var copy: OpaquePointer?
        StableABI.ensure(aoti_torch_new_tensor_handle(tensor.handle, &copy), "aoti_torch_new_tensor_handle")
        return withExtendedLifetime(tensor) { UInt64(UInt(bitPattern: copy)) }
    }
}

extension StackMemory {
    /// The values of a list; frees it.
    static func takeValues(_ value: UInt64) -> [UInt64] {
        let list = OpaquePointer(bitPattern: UInt(value))
        var size = 0
        StableABI.ensure(torch_list_size(list, &size), "torch_list_size")
        let values = (0..<size).map { index in
            var element: UInt64 = 0
            StableABI.ensure(torch_list_get_item(list, index, &element), "torch_list_get_item")
            return element
        }
        StableABI.ensure(torch_delete_list(list), "torch_delete_list")
        return values
    }

    /// The text of a string; frees it.
    static func takeString(_ value: UInt64) -> String {
        let handle = OpaquePointer(bitPattern: UInt(value))
        var length = 0
        var bytes: UnsafePointer<CChar>?
        StableABI.ensure(torch_string_length(handle, &length), "torch_string_length")
        StableABI.ensure(torch_string_c_str(handle, &bytes), "torch_string_c_str")
        defer { StableABI.ensure(torch_delete_string(handle), "torch_delete_string") }
        return bytes.map { String(decoding: UnsafeRawBufferPointer(start: $0, count: length), as: UTF8.self) } ?? ""
    }
}
