import CTorch
import Synchronization

extension Tensor {
    /// Copies `values`, in row-major order, into a new tensor of the given shape, whose product is their number.
    public init<Scalar: TensorScalar>(
        _ values: [Scalar], shape: [Int], device: Device = .cpu, file: StaticString = #fileID, line: UInt = #line
    ) {
        guard shape.allSatisfy({ $0 >= 0 }), values.count == shape.reduce(1, *) else {
            operatorFailure("Tensor", "\(values.count) values do not fill the shape \(shape)", file, line)
            self = .undefined
            return
        }
        let host = Tensor.empty(shape, dtype: Scalar.dtype, file: file, line: line)
        values.withUnsafeBytes { source in host.withUnsafeBytes { $0.copyMemory(from: source) } }
        self = device.kind == .cpu ? host : host.to(device, file: file, line: line)
    }

    /// A vector of the given values.
    public init<Scalar: TensorScalar>(
        _ values: [Scalar], device: Device = .cpu, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init(values, shape: [values.count], device: device, file: file, line: line)
    }

    /// A tensor without dimensions that holds one value.
    public init<Scalar: TensorScalar>(
        _ value: Scalar, device: Device = .cpu, file: StaticString = #fileID, line: UInt = #line
    ) {
        self.init([value], shape: [], device: device, file: file, line: line)
    }

    /// The elements in row-major order, converted to `Scalar`'s type where they are of another.
    /// Waits for the device.
    public func scalars<Scalar: TensorScalar>(
        as type: Scalar.Type = Scalar.self, file: StaticString = #fileID, line: UInt = #line
    ) -> [Scalar] {
        HostReads.count.add(1, ordering: .relaxed)
        let host = detached().to(.cpu, file: file, line: line).to(Scalar.dtype, file: file, line: line)
            .contiguous(file: file, line: line)
        let count = host.count
        guard host.isDefined, count > 0 else { return [] }
        return withExtendedLifetime(host) {
            let start = host.dataPointer.assumingMemoryBound(to: Scalar.self)
            return Array(UnsafeBufferPointer(start: start, count: count))
        }
    }

    /// The value of a tensor with one element, converted to `Scalar`'s type where it is of another. Waits for the
    /// device.
    public func item<Scalar: TensorScalar>(
        as type: Scalar.Type = Scalar.self, file: StaticString = #fileID, line: UInt = #line
    ) -> Scalar {
        guard isDefined, count == 1 else {
            operatorFailure("item", "a Tensor with \(count) elements cannot be converted to Scalar", file, line)
            return Scalar()
        }
        return scalars(as: Scalar.self, file: file, line: line).first ?? Scalar()
    }

    /// How many times the process has waited for values of tensors, to read them or to compare tensors: for tests of
    /// what waits for the device.
    public static var hostReadCount: Int { HostReads.count.load(ordering: .relaxed) }

    /// The first element's address, on the tensor's device. Valid while the tensor lives.
    public var dataPointer: UnsafeMutableRawPointer {
        var pointer: UnsafeMutableRawPointer?
        if isDefined { StableABI.ensure(aoti_torch_get_data_ptr(handle, &pointer), "aoti_torch_get_data_ptr") }
        // A tensor without elements has no memory.
        return pointer ?? UnsafeMutableRawPointer(bitPattern: 16)!
    }

    /// Gives access to the bytes of a contiguous tensor on the CPU.
    /// - Precondition: it is one; `to(.cpu).contiguous()` makes it so.
    public func withUnsafeBytes<Result>(_ body: (UnsafeMutableRawBufferPointer) throws -> Result) rethrows -> Result {
        guard isDefined else { return try body(UnsafeMutableRawBufferPointer(start: nil, count: 0)) }
        precondition(isContiguous && device == .cpu, "the bytes of a tensor are reached on the CPU, contiguous")
        let bytes = UnsafeMutableRawBufferPointer(start: dataPointer, count: count * dtype.byteCount)
        return try withExtendedLifetime(self) { try body(bytes) }
    }
}

enum HostReads {
    static let count = Atomic<Int>(0)
}
