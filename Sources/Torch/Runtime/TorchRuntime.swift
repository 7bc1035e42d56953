import CTorchShim
import Glibc
import TorchCore

/// LibTorch inside this process: version, threads, devices, memory.
public enum TorchRuntime {
    /// Puts the fast gate in and sets the allocator up. Happens by itself when the program is loaded; further calls
    /// do nothing.
    public static func start() { _ = started }

    private static let started: Void = {
        OperatorGate.current = .fast
        CallerLocation.search = { searchCaller($0) }
        keepFreedMemory()
    }()

    /// Keeps glibc from handing large blocks back to the kernel, which would zero every page again at each step: 2.3x
    /// faster training steps at batch 2048. `FOP_ALLOCATOR=system` in the environment leaves the allocator as it is.
    private static func keepFreedMemory() {
        guard getenv("FOP_ALLOCATOR").map({ String(cString: $0) }) != "system" else { return }
        fop_keep_freed_memory()
    }

    /// LibTorch's version.
    public static var version: String { String(cString: fop_torch_version()) }

    /// How many threads operators use on the CPU. Numbers outside of ``threadCounts`` are moved into it.
    public static var threadCount: Int {
        get { Int(fop_get_num_threads()) }
        set { _ = fop_set_num_threads(Int32(min(max(newValue, threadCounts.lowerBound), threadCounts.upperBound))) }
    }

    /// The numbers of threads that can be asked for.
    public static let threadCounts = 1...1024

    /// Sets ``threadCount`` to a number that comes from outside: a command line, a file.
    /// - Throws: ``TorchError/invalidValue(_:)`` for a number outside of ``threadCounts``.
    public static func setThreadCount(_ count: Int) throws {
        guard threadCounts.contains(count) else {
            throw TorchError.invalidValue(
                "\(count) threads: a number from \(threadCounts.lowerBound) to \(threadCounts.upperBound) expected")
        }
        guard fop_set_num_threads(Int32(count)) == 0 else {
            throw TorchError.invalidValue("\(count) threads: \(String(cString: fop_last_error()))")
        }
    }

    /// How many bytes the C allocator has handed out and not got back, LibTorch's and others': for tests of leaks.
    public static var allocatedBytes: Int { Int(fop_allocated_bytes()) }

    /// How many CUDA devices this LibTorch can reach. The first call loads its CUDA libraries if they are there.
    public static var cudaDeviceCount: Int {
        Device.loadLibraries(for: .cuda)
        return Int(fop_cuda_device_count())
    }
}

extension OperatorGate {
    /// The gate through the C++ shim: operators are looked up once, tensors are borrowed, numbers can be passed.
    public static let fast = OperatorGate(
        call: { fop_call_operator($0, $1, $2, $3, $4, $5) }, lastError: { fop_last_error() }, borrowsTensors: true,
        takesNumbers: true)
}

/// Called by the shim when the program is loaded.
@_cdecl("fop_swift_start") func startTorch() { TorchRuntime.start() }
