import Glibc

extension Device {
    /// This device, if tensors can be made on it here: for names that come from a command line or a file.
    /// - Throws: ``TorchError/deviceUnavailable(_:)`` with LibTorch's reason.
    @discardableResult public func validated() throws -> Device {
        Device.loadLibraries(for: kind)
        do {
            _ = try TorchError.catching(locating: false) { Tensor.empty([1], device: self) }
        } catch TorchError.operatorFailed(_, let message, _, _) {
            throw TorchError.deviceUnavailable("device \(self) is not available: \(Device.reason(in: message))")
        }
        return self
    }

    /// Loads what of LibTorch is needed for a kind of device and lies in a library of its own. Does nothing where it
    /// is not installed.
    public static func loadLibraries(for kind: Kind) {
        guard kind == .cuda else { return }
        _ = cudaLibraries
    }

    // The libraries register themselves with the dispatcher; they stay for ever.
    private static let cudaLibraries = dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) != nil

    /// What of torch's explanation is of use to a user: for a missing back end it lists all others over many lines.
    private static func reason(in message: String) -> String {
        message.hasPrefix("Could not run")
            ? "this LibTorch was not built for it, or its libraries are missing"
            : String(message.prefix { $0 != "\n" })
    }
}
