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

    /// The type of the elements; float32 for an undefined tensor.
    public var dtype: DType {
        let code = read(Int32(-1), aoti_torch_get_dtype)
        if let dtype = DType(rawValue: code) { return dtype }
        precondition(!isDefined, "elements of LibTorch's type number \(code), such as complex ones, are not supported")
        return .float32
    }

    /// Where the memory is.
    public var device: Device {
        let kind = Device.Kind(rawValue: read(Int32(0), aoti_torch_get_device_type)) ?? .cpu
        return Device(kind, index: kind == .cpu ? -1 : Int(read(Int32(0), aoti_torch_get_device_index)))
    }

    /// Whether the elements lie in row-major order without gaps.
    public var isContiguous: Bool { read(false, aoti_torch_is_contiguous) }

    /// The size of one dimension; negative numbers count from the end.
    public func size(_ dimension: Int, file: StaticString = #fileID, line: UInt = #line) -> Int {
        let shape = shape
        let place = dimension < 0 ? dimension + shape.count : dimension
        guard shape.indices.contains(place) else {
            let reach = Swift.max(shape.count, 1)
            operatorFailure(
                "size",
                "Dimension out of range (expected to be in range of [\(-reach), \(reach - 1)], but got \(dimension))",
                file, line)
            return 0
        }
        return shape[place]
    }

    /// Fails for undefined tensors only, which then have the initial value.
    private func read<Value>(
        _ initial: Value, _ getter: (OpaquePointer?, UnsafeMutablePointer<Value>) -> Int32
    ) -> Value {
        var value = initial
        withExtendedLifetime(self) { _ = getter(handle, &value) }
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
