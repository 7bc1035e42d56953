import CTorchShim
import TorchCore

/// Where the gradients of layer outputs are picked up during a backward pass.
///
/// A tap is an identity in the graph: the gradient that passes through it is handed to a closure at the moment it is
/// known, and can be used and let go before the pass goes on. The taps made with an anchor are all visited by
/// `gradients(of: [loss], withRespectTo: [anchor.tensor])`, which computes no weight gradient at all.
public final class GradientAnchor: @unchecked Sendable {
    /// What to ask the gradient for, to have the taps visited. Its own gradient is nil.
    public let tensor: Tensor

    /// An anchor for tensors on a device.
    public init(device: Device = .cpu) {
        // Any tensor that requires a gradient will do: nothing is computed from it.
        tensor = Tensor.zeros([], device: device)
        tensor.setRequiresGradient(true)
    }

    /// `tensor`, with `receive` called during each backward pass with the derivative with respect to it.
    public func tap(
        _ tensor: Tensor, file: StaticString = #fileID, line: UInt = #line, receive: @escaping (Tensor) -> Void
    ) -> Tensor {
        var result: OpaquePointer?
        let status = fop_tap(
            tensor.handle, self.tensor.handle,
            { context, gradient in
                Unmanaged<TapClosure>.fromOpaque(context!).takeUnretainedValue().receive(Tensor(owning: gradient!))
            },
            { Unmanaged<TapClosure>.fromOpaque($0!).release() },
            // Balanced by the release callback, which runs when the graph goes, also after a failure.
            Unmanaged.passRetained(TapClosure(receive)).toOpaque(),
            &result)
        withExtendedLifetime(tensor) {}
        guard status == 0, let result else {
            operatorFailure("gradient tap", String(cString: fop_last_error()), file, line)
            return .undefined
        }
        return Tensor(owning: result)
    }
}

private final class TapClosure {
    let receive: (Tensor) -> Void
    init(_ receive: @escaping (Tensor) -> Void) { self.receive = receive }
}
