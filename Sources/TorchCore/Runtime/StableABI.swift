import CTorch
import Glibc

/// What of the stable C ABI differs between LibTorch 2.10 and later, looked up at run time.
@usableFromInline enum StableABI {
    /// The ABI version whose operator schemas this package was written against (2.10: the oldest it supports).
    static let version: UInt64 = 2 << 56 | 10 << 48

    private typealias GetText = @convention(c) () -> UnsafePointer<CChar>?
    private typealias NewValue = @convention(c) (UnsafeMutablePointer<UnsafeMutablePointer<UInt64>?>) -> Int32

    static func symbol<Function>(_ name: String, as type: Function.Type) -> Function? {
        // RTLD_DEFAULT: LibTorch is linked already.
        dlsym(nil, name).map { unsafeBitCast($0, to: type) }
    }

    /// Stops the program when a call failed that only fails without memory, or when this package misuses it.
    @inlinable @inline(__always) static func ensure(_ status: Int32, _ call: StaticString) {
        if status != 0 { fail(call) }
    }

    @usableFromInline @inline(never) static func fail(_ call: StaticString) -> Never {
        fatalError("\(call): \(lastError().map { String(cString: $0) } ?? "failed")")
    }

    private static let getText = symbol("torch_exception_get_what_without_backtrace", as: GetText.self)
    private static let newValue = symbol("torch_new_stable_ivalue", as: NewValue.self)

    /// The text of the thread's last error; from 2.13 on.
    static func lastError() -> UnsafePointer<CChar>? { getText?() }

    /// Memory for an optional argument's value; the dispatcher frees it.
    static func allocateOptional(_ value: UInt64) -> UInt64 {
        var pointer: UnsafeMutablePointer<UInt64>?
        if let newValue {
            ensure(newValue(&pointer), "torch_new_stable_ivalue")
        } else {
            // Before 2.13 the dispatcher frees with operator delete, which is free() in libstdc++.
            pointer = malloc(8)?.assumingMemoryBound(to: UInt64.self)
        }
        guard let pointer else { return 0 }
        pointer.pointee = value
        return UInt64(UInt(bitPattern: pointer))
    }

    private typealias DeleteValue = @convention(c) (UnsafeMutablePointer<UInt64>?) -> Int32
    private static let deleteValue = symbol("torch_delete_stable_ivalue", as: DeleteValue.self)

    /// The value of an optional argument of a kernel of ours, whose memory is freed; nil for None.
    static func takeOptional(_ value: UInt64) -> UInt64? {
        guard let pointer = UnsafeMutablePointer<UInt64>(bitPattern: UInt(value)) else { return nil }
        defer {
            // Before 2.13 it was made with operator new, which is malloc() in libstdc++.
            if let deleteValue { ensure(deleteValue(pointer), "torch_delete_stable_ivalue") } else { free(pointer) }
        }
        return pointer.pointee
    }

    private typealias CopyHandle = @convention(c) (OpaquePointer?, UnsafeMutablePointer<OpaquePointer?>) -> Int32
    private static let newGenerator = symbol("torch_new_generator_handle", as: CopyHandle.self)

    /// A new reference to a generator, for the dispatcher to consume; from 2.13 on.
    @usableFromInline static func copyGenerator(_ generator: OpaquePointer) -> OpaquePointer {
        var copy: OpaquePointer?
        guard let newGenerator, newGenerator(generator, &copy) == 0, let copy else {
            preconditionFailure("this LibTorch's C ABI cannot pass a generator: 2.13 or later needed")
        }
        return copy
    }
}
