import CTorch

private enum Op {
    static let empty = Operator("aten::empty", "memory_format")
    static let zeros = Operator("aten::zeros")
    static let ones = Operator("aten::ones")
    static let eye = Operator("aten::eye")
    static let zerosLike = Operator("aten::zeros_like")
    static let emptyLike = Operator("aten::empty_like")
    static let onesLike = Operator("aten::ones_like")
    static let arange = Operator("aten::arange", "start_step")
    static let linspace = Operator("aten::linspace", "Tensor_Tensor")
}

extension Tensor {
    /// A tensor whose elements are whatever the memory held.
    public static func empty(
        _ shape: [Int], dtype: DType = .float32, device: Device = .cpu, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        call(Op.empty, file: file, line: line) {
            $0.push(shape)
            $0.push(dtype as DType?)
            $0.pushNone()
            $0.push(device as Device?)
            $0.pushNone()
            $0.pushNone()
        }
    }

    /// A tensor of zeros.
    public static func zeros(
        _ shape: [Int], dtype: DType = .float32, device: Device = .cpu, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        call(Op.zeros, file: file, line: line) {
            $0.push(shape)
            $0.pushFactoryOptions(dtype, device)
        }
    }

    /// A tensor of ones.
    public static func ones(
        _ shape: [Int], dtype: DType = .float32, device: Device = .cpu, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        call(Op.ones, file: file, line: line) {
            $0.push(shape)
            $0.pushFactoryOptions(dtype, device)
        }
    }

    /// The identity matrix of size n x n.
    public static func identity(
        _ n: Int, dtype: DType = .float32, device: Device = .cpu, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.eye, file: file, line: line) {
            $0.push(n)
            $0.pushFactoryOptions(dtype, device)
        }
    }

    /// A tensor of one repeated value.
    public static func full(
        _ shape: [Int], _ value: Double, dtype: DType = .float32, device: Device = .cpu,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let tensor = Tensor.empty(shape, dtype: dtype, device: device, file: file, line: line)
        tensor.fill(value, file: file, line: line)
        return tensor
    }

    /// Zeros of this tensor's shape, type, device and memory format.
    public func zerosLike(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.zerosLike, file: file, line: line) { $0.pushLike(self) }
    }

    /// Ones of this tensor's shape, type, device and memory format.
    public func onesLike(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.onesLike, file: file, line: line) { $0.pushLike(self) }
    }

    /// A tensor of this one's shape, type, device and memory format, not filled.
    public func emptyLike(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.emptyLike, file: file, line: line) { $0.pushLike(self) }
    }

    /// The whole numbers of a range, `step` apart.
    public static func arange(
        _ range: Range<Int>, step: Int = 1, dtype: DType = .int64, device: Device = .cpu, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        guard OperatorGate.current.takesNumbers else {
            let values = stride(from: range.lowerBound, to: range.upperBound, by: step).map { Int64($0) }
            return Tensor(values, device: device, file: file, line: line).to(dtype, file: file, line: line)
        }
        return call(Op.arange, file: file, line: line) {
            $0.push(number: range.lowerBound)
            $0.push(number: range.upperBound)
            $0.push(number: step)
            $0.pushFactoryOptions(dtype, device)
        }
    }

    /// The numbers from `start` on, `step` apart, that come before `end`.
    ///
    /// Rounding decides whether the last one is there: ``linspace(from:to:count:dtype:device:file:line:)`` leaves no
    /// doubt.
    public static func arange(
        from start: Double, to end: Double, step: Double = 1, dtype: DType = .float32, device: Device = .cpu,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard OperatorGate.current.takesNumbers else {
            let values = (0..<Int(Swift.max(0, ((end - start) / step).rounded(.up)))).map { start + Double($0) * step }
            return Tensor(values, device: device, file: file, line: line).to(dtype, file: file, line: line)
        }
        return call(Op.arange, file: file, line: line) {
            $0.push(number: start)
            $0.push(number: end)
            $0.push(number: step)
            $0.pushFactoryOptions(dtype, device)
        }
    }

    /// `count` numbers in even steps from `start` to `end`, both included.
    public static func linspace(
        from start: Double, to end: Double, count: Int, dtype: DType = .float32, device: Device = .cpu,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.linspace, file: file, line: line) {
            $0.push(Tensor(start))
            $0.push(Tensor(end))
            $0.push(count)
            $0.pushFactoryOptions(dtype, device)
        }
    }

    /// Sets every element to `value`.
    public func fill(_ value: Double, file: StaticString = #fileID, line: UInt = #line) {
        guard aoti_torch_aten_fill__Scalar(handle, value) == 0 else {
            return operatorFailure("aten::fill_.Scalar", lastErrorText(.current), file, line)
        }
    }

    /// A number without dimensions, on the CPU, of a type that leaves this tensor's type as it is when combined with
    /// it.
    func number(_ value: Double) -> Tensor {
        var handle: OpaquePointer?
        let status =
            if dtype == .float64 {
                aoti_torch_scalar_to_tensor_float64(value, &handle)
            } else if !dtype.isFloatingPoint, let whole = Int64(exactly: value) {
                aoti_torch_scalar_to_tensor_int64(whole, &handle)
            } else {
                aoti_torch_scalar_to_tensor_float32(Float(value), &handle)
            }
        StableABI.ensure(status, "aoti_torch_scalar_to_tensor")
        let number = Tensor(owning: handle!)
        // Two tensors without dimensions combine to the wider type: keep ours where it can hold the number.
        let keeps = dtype.isFloatingPoint || (dtype != .bool && number.dtype == .int64)
        return rank == 0 && keeps && number.dtype != dtype ? number.to(dtype) : number
    }
}

extension ArgumentStack {
    /// `ScalarType? dtype, Layout? layout, Device? device, bool? pin_memory`
    mutating func pushFactoryOptions(_ dtype: DType, _ device: Device) {
        push(dtype as DType?)
        pushNone()
        push(device as Device?)
        pushNone()
    }

    /// `Tensor self` and five options left as they are.
    mutating func pushLike(_ tensor: Tensor) {
        push(tensor)
        for _ in 0..<5 { pushNone() }
    }
}
