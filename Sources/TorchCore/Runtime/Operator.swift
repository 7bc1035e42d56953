import CTorch

/// An operator of LibTorch's dispatcher, by name and overload: `Operator("aten::mm")`,
/// `Operator("aten::mul", "Tensor")`.
///
/// Make one per operator, once (a `static let`): it keeps the resolved entry between calls.
public final class Operator: @unchecked Sendable {
    /// The name with the overload after a dot.
    public let name: String
    @usableFromInline let nameBytes: UnsafePointer<CChar>
    @usableFromInline let overloadBytes: UnsafePointer<CChar>
    /// Where a faster gate keeps what it resolved; written once, by the gate.
    @usableFromInline let slot: UnsafeMutablePointer<OpaquePointer?>

    /// - Parameters:
    ///   - name: with its namespace.
    ///   - overload: "" for an operator's only or main form.
    public init(_ name: StaticString, _ overload: StaticString = "") {
        let overloadText = "\(overload)"
        self.name = overloadText.isEmpty ? "\(name)" : "\(name).\(overloadText)"
        nameBytes = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
        overloadBytes = UnsafeRawPointer(overload.utf8Start).assumingMemoryBound(to: CChar.self)
        slot = .allocate(capacity: 1)
        slot.initialize(to: nil)
    }

    deinit { slot.deallocate() }
}

/// The one way into the dispatcher. The default goes through the stable C ABI; `Torch` puts in one that keeps the
/// operator's handle, borrows tensors and carries numbers.
public struct OperatorGate: Sendable {
    /// Runs an operator on a stack of arguments.
    public typealias Call =
        @convention(c) (
            _ name: UnsafePointer<CChar>?, _ overload: UnsafePointer<CChar>?, _ stack: UnsafeMutablePointer<UInt64>?,
            _ arguments: UInt64, _ results: UInt64, _ slot: UnsafeMutablePointer<OpaquePointer?>?
        ) -> Int32
    /// Tells the text of a failure.
    public typealias Message = @convention(c) () -> UnsafePointer<CChar>?

    /// Runs the operator on the stack, which holds `arguments` values and gets `results`. 0 is success. What the
    /// stack owns is consumed, also on failure.
    public let call: Call
    /// The text of the calling thread's last failure.
    public let lastError: Message
    /// Whether tensor arguments are borrowed rather than consumed.
    public let borrowsTensors: Bool
    /// Whether numbers (torch's Scalar) can be among the arguments.
    public let takesNumbers: Bool

    /// A gate of one's own.
    public init(call: @escaping Call, lastError: @escaping Message, borrowsTensors: Bool, takesNumbers: Bool) {
        self.call = call
        self.lastError = lastError
        self.borrowsTensors = borrowsTensors
        self.takesNumbers = takesNumbers
    }

    /// The gate in use. Set at start-up only, before any tensor exists: `Torch` does it when the program is loaded.
    public nonisolated(unsafe) static var current = stable

    /// The stable C ABI. It does not check how many arguments and results an operator has, and when there is no such
    /// operator, or it has an argument of a type that cannot be passed, the arguments after that one stay allocated:
    /// mistakes in this package, which its tests run into through ``Torch``'s gate.
    public static let stable = OperatorGate(
        call: { name, overload, stack, _, _, _ in
            torch_call_dispatcher(name, overload, stack, StableABI.version)
        },
        lastError: { StableABI.lastError() },
        borrowsTensors: false,
        takesNumbers: false)
}

/// A number argument (torch's Scalar) as the fast gate reads it. Layout: `fop_number` in the shim's header.
@frozen public struct NumberArgument {
    @usableFromInline var kind: Int64
    @usableFromInline var bits: UInt64

    /// A floating-point number.
    @inlinable public init(_ value: Double) {
        kind = 0
        bits = value.bitPattern
    }

    /// A whole number.
    @inlinable public init(_ value: Int) {
        kind = 1
        bits = UInt64(bitPattern: Int64(value))
    }
}
