import CTorch
import Synchronization

/// A multi-dimensional array of numbers, on a device, with torch's semantics.
///
/// A `Tensor` is a handle: copies share the same memory, as in torch, and in-place operators (whose names end in
/// `InPlace` or that are called `set…`, `fill…`, `copy…`) are seen through every copy. The memory is freed with the
/// last copy.
public struct Tensor: @unchecked Sendable {
    @usableFromInline let owner: TensorOwner

    /// Takes over an owned handle of the C ABI.
    @inlinable public init(owning handle: OpaquePointer) {
        owner = TensorOwner(handle)
    }

    /// The handle of the C ABI, borrowed: valid while this tensor lives.
    @inlinable public var handle: OpaquePointer { owner.handle }

    /// A tensor without shape or memory: what a failed operator yields inside ``TorchError/catching(_:)``.
    public static var undefined: Tensor {
        var handle: OpaquePointer?
        StableABI.ensure(aoti_torch_new_uninitialized_tensor(&handle), "aoti_torch_new_uninitialized_tensor")
        return Tensor(owning: handle!)
    }

    /// How many tensor handles are alive in the process: for tests of leaks.
    public static var liveCount: Int { TensorOwner.live.load(ordering: .relaxed) }
}

/// The one owner of a handle: frees it.
@usableFromInline final class TensorOwner: @unchecked Sendable {
    static let live = Atomic<Int>(0)

    @usableFromInline let handle: OpaquePointer

    @usableFromInline init(_ handle: OpaquePointer) {
        self.handle = handle
        TensorOwner.live.add(1, ordering: .relaxed)
    }

    deinit {
        StableABI.ensure(aoti_torch_delete_tensor_object(handle), "aoti_torch_delete_tensor_object")
        TensorOwner.live.subtract(1, ordering: .relaxed)
    }
}
