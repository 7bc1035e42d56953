import CTorchShim
import TorchCore

private enum Op {
    static let uniform = Operator("aten::uniform_")
    static let normal = Operator("aten::normal_")
}

/// A seeded source of random numbers. The same seed gives the same numbers, those of torch's generator.
public final class Generator: @unchecked Sendable {
    /// The handle that operators take.
    let handle: OpaquePointer

    /// - Throws: ``TorchError/deviceUnavailable(_:)`` for a device that this LibTorch cannot reach.
    public init(seed: UInt64, device: Device) throws {
        TorchRuntime.start()
        var handle: OpaquePointer?
        guard fop_generator_new(device.description, seed, &handle) == 0, let handle else {
            throw TorchError.deviceUnavailable(String(cString: fop_last_error()))
        }
        self.handle = handle
    }

    /// A generator for the CPU.
    public convenience init(seed: UInt64) {
        // The CPU is always there.
        try! self.init(seed: seed, device: .cpu)
    }

    private init(default device: Device) {
        TorchRuntime.start()
        var handle: OpaquePointer?
        precondition(fop_generator_default(device.description, &handle) == 0, String(cString: fop_last_error()))
        self.handle = handle!
    }

    deinit { fop_generator_delete(handle) }

    /// The generator that operators of the CPU use when none is given, such as dropout's.
    public static let `default` = Generator(default: .cpu)

    /// Starts over with a seed.
    public func seed(_ seed: UInt64) { _ = fop_generator_set_seed(handle, seed) }

    /// Where the generator is in its sequence, as bytes; assign it to go on from there.
    public var state: Tensor {
        get {
            var state: OpaquePointer?
            _ = fop_generator_get_state(handle, &state)
            return Tensor(owning: state!)
        }
        set { _ = fop_generator_set_state(handle, newValue.handle) }
    }
}

extension Tensor {
    /// Numbers drawn uniformly from [`low`, `high`).
    public static func uniform(
        _ shape: [Int], from low: Double = 0, to high: Double = 1, dtype: DType = .float32, device: Device = .cpu,
        generator: Generator = .default, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        drawn(Op.uniform, shape, low, high, dtype, device, generator, file, line)
    }

    /// Numbers drawn from the normal distribution.
    public static func normal(
        _ shape: [Int], mean: Double = 0, standardDeviation: Double = 1, dtype: DType = .float32,
        device: Device = .cpu, generator: Generator = .default, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        drawn(Op.normal, shape, mean, standardDeviation, dtype, device, generator, file, line)
    }

    private static func drawn(
        _ op: Operator, _ shape: [Int], _ first: Double, _ second: Double, _ dtype: DType, _ device: Device,
        _ generator: Generator, _ file: StaticString, _ line: UInt
    ) -> Tensor {
        let tensor = Tensor.empty(shape, dtype: dtype, device: device, file: file, line: line)
        return withoutGradients {
            call(op, file: file, line: line) {
                $0.push(tensor)
                $0.push(first)
                $0.push(second)
                $0.push(generator: generator.handle)
            }
        }
    }
}
