import CTorchShim
import TorchCore

/// A seeded source of random numbers. The same seed gives the same numbers, those of torch's generator.
///
/// One thread draws from a generator at a time.
public final class Generator: @unchecked Sendable {
    /// The handle that operators take.
    let handle: OpaquePointer

    /// A generator for a device.
    /// - Throws: ``TorchError/deviceUnavailable(_:)`` for a device that this LibTorch cannot reach.
    public init(seed: UInt64, device: Device) throws {
        try device.validated()
        var handle: OpaquePointer?
        guard fop_generator_new(device.description, seed, &handle) == 0, let handle else {
            throw TorchError.deviceUnavailable("device \(device): \(String(cString: fop_last_error()))")
        }
        self.handle = handle
    }

    /// A generator for the CPU.
    public init(seed: UInt64) {
        var handle: OpaquePointer?
        let status = fop_generator_new("cpu", seed, &handle)
        precondition(status == 0, String(cString: fop_last_error()))
        self.handle = handle!
    }

    private init(default device: Device) {
        var handle: OpaquePointer?
        let status = fop_generator_default(device.description, &handle)
        precondition(status == 0, String(cString: fop_last_error()))
        self.handle = handle!
    }

    deinit { fop_generator_delete(handle) }

    /// The generator that operators of the CPU use when none is given, such as dropout's.
    public static let `default` = Generator(default: .cpu)

    /// Starts over with a seed.
    public func seed(_ seed: UInt64) {
        let status = fop_generator_set_seed(handle, seed)
        precondition(status == 0, String(cString: fop_last_error()))
    }

    /// Where the generator is in its sequence, as bytes on the CPU; assign it to go on from there.
    /// - Precondition: an assigned state comes from a generator; ``restore(_:)`` checks one that comes from a file.
    public var state: Tensor {
        get {
            var state: OpaquePointer?
            let status = fop_generator_get_state(handle, &state)
            precondition(status == 0, String(cString: fop_last_error()))
            return Tensor(owning: state!)
        }
        set {
            let status = fop_generator_set_state(handle, newValue.handle)
            precondition(status == 0, String(cString: fop_last_error()))
        }
    }

    /// Goes on from a saved ``state``.
    /// - Throws: ``TorchError/stateMismatch(_:)`` for a tensor that is not a generator's state; then nothing has
    ///   changed.
    public func restore(_ state: Tensor) throws {
        guard fop_generator_set_state(handle, state.handle) == 0 else {
            throw TorchError.stateMismatch("not a generator's state: \(String(cString: fop_last_error()))")
        }
    }
}
