import CTorch

extension Tensor {
    /// Whether the tensor has a shape and memory.
    public var isDefined: Bool { read(false, aoti_torch_is_defined) }

    /// The number of dimensions.
    public var rank: Int { Int(read(Int64(0), aoti_torch_get_dim)) }

    /// The number of elements.
    public var count: Int { Int(read(Int64(0), aoti_torch_get_numel)) }

    /// The size of each dimension.
    public var shape: [Int] { integers(aoti_torch_get_sizes) }

    /// How many elements apart neighbours are, for each dimension.
    public var strides: [Int] { integers(aoti_torch_get_strides) }

    /// The type of the elements.
    public var dtype: DType { DType(rawValue: read(Int32(-1), aoti_torch_get_dtype)) ?? .float32 }

    /// Where the memory is.
    public var device: Device {
        let kind = Device.Kind(rawValue: read(Int32(0), aoti_torch_get_device_type)) ?? .cpu
        return Device(kind, index: kind == .cpu ? -1 : Int(read(Int32(0), aoti_torch_get_device_index)))
    }

    /// Whether the elements lie in row-major order without gaps.
    public var isContiguous: Bool { read(false, aoti_torch_is_contiguous) }

    /// The size of one dimension; negative numbers count from the end.
    public func size(_ dimension: Int) -> Int {
        let shape = shape
        return shape[dimension < 0 ? dimension + shape.count : dimension]
    }

    private func read<Value>(_ initial: Value, _ getter: (OpaquePointer?, UnsafeMutablePointer<Value>) -> Int32) -> Value {
        var value = initial
        _ = getter(handle, &value)
        return value
    }

    private func integers(
        _ read: (OpaquePointer?, UnsafeMutablePointer<UnsafeMutablePointer<Int64>?>) -> Int32
    ) -> [Int] {
        var pointer: UnsafeMutablePointer<Int64>?
        guard isDefined, read(handle, &pointer) == 0, let pointer else { return [] }
        return (0..<rank).map { Int(pointer[$0]) }
    }
}
