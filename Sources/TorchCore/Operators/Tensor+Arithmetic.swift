import CTorch

private enum Op {
    static let add = Operator("aten::add", "Tensor")
    static let addNumber = Operator("aten::add", "Scalar")
    static let mul = Operator("aten::mul", "Tensor")
    static let mulNumber = Operator("aten::mul", "Scalar")
    static let div = Operator("aten::div", "Tensor")
    static let divNumber = Operator("aten::div", "Scalar")
    static let lerp = Operator("aten::lerp", "Tensor")
    static let lerpInPlace = Operator("aten::lerp_", "Tensor")
    static let mulInPlace = Operator("aten::mul_", "Tensor")
    static let divInPlace = Operator("aten::div_", "Tensor")
    static let copyInPlace = Operator("aten::copy_")
    static let addInPlace = Operator("aten::add_", "Tensor")
    static let pow = Operator("aten::pow", "Tensor_Tensor")
    static let powNumber = Operator("aten::pow", "Tensor_Scalar")
    static let broadcast = Operator("aten::broadcast_tensors")
    static let sum = Operator("aten::sum", "dim_IntList")
    static let remainder = Operator("aten::remainder", "Tensor")
    static let maximum = Operator("aten::maximum")
    static let minimum = Operator("aten::minimum")
}

extension Tensor {
    /// `self + scale * other`, broadcast.
    public func adding(
        _ other: Tensor, scale: Double = 1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        if OperatorGate.current.takesNumbers {
            return call(Op.add, file: file, line: line) {
                $0.push(self)
                $0.push(other)
                $0.pushNumber(scale)
            }
        }
        let type = ResultType.of(self, other, file: file, line: line)
        guard type.isFloatingPoint else { return addingWholeNumbers(other, scale, type, file, line) }
        var result: OpaquePointer?
        guard aoti_torch_aten_subtract_Tensor(handle, other.handle, -scale, &result) == 0, let result else {
            operatorFailure("aten::add.Tensor", lastErrorText(.current), file, line)
            return .undefined
        }
        return Tensor(owning: result)
    }

    /// The stable C ABI can only subtract a multiple that is a floating-point number, which whole numbers refuse.
    private func addingWholeNumbers(
        _ other: Tensor, _ scale: Double, _ type: DType, _ file: StaticString, _ line: UInt
    ) -> Tensor {
        guard Int(exactly: scale) != nil else {
            operatorFailure(
                "aten::add.Tensor",
                "For integral input tensors, argument alpha must not be a floating point number.", file, line)
            return .undefined
        }
        let scaled = scale == 1 ? other : other.multiplied(by: scale, file: file, line: line)
        let terms = callList(Op.broadcast, file: file, line: line) { $0.push([self, scaled]) }
            .map { $0.to(type, file: file, line: line) }
        return call(Op.sum, file: file, line: line) {
            $0.push(Tensor.stacked(terms, file: file, line: line))
            $0.push([0] as [Int]?)
            $0.push(false)
            $0.push(type as DType?)
        }
    }

    /// `self - other`, broadcast.
    public func subtracting(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        adding(other, scale: -1, file: file, line: line)
    }

    /// The elementwise product, broadcast.
    public func multiplied(by other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.mul, other, file, line)
    }

    /// The elementwise quotient, broadcast.
    public func divided(by other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.div, other, file, line)
    }

    /// `self + value`
    public func adding(_ value: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        guard OperatorGate.current.takesNumbers else { return adding(number(value), file: file, line: line) }
        return call(Op.addNumber, file: file, line: line) {
            $0.push(self)
            $0.pushNumber(value)
            $0.push(number: 1)
        }
    }

    /// `self * value`
    public func multiplied(by value: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        withNumber(Op.mulNumber, Op.mul, value, file, line)
    }

    /// `self / value`
    public func divided(by value: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        withNumber(Op.divNumber, Op.div, value, file, line)
    }

    /// `self` raised elementwise to a power.
    public func raised(to exponent: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.pow, exponent, file, line)
    }

    /// Each element raised to a power.
    public func raised(to exponent: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        withNumber(Op.powNumber, Op.pow, exponent, file, line)
    }

    /// What is left of each element after division, with the divisor's sign.
    public func remainder(_ divisor: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.remainder, divisor, file, line)
    }

    /// The larger of each pair, broadcast.
    public func maximum(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.maximum, other, file, line)
    }

    /// The smaller of each pair, broadcast.
    public func minimum(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.minimum, other, file, line)
    }

    /// `self + weight * (end - self)`
    public func lerp(to end: Tensor, weight: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.lerp, file: file, line: line) {
            $0.push(self)
            $0.push(end)
            $0.push(weight)
        }
    }

    /// Moves every element towards `end`: `self += weight * (end - self)`, in place.
    public func lerpInPlace(to end: Tensor, weight: Tensor, file: StaticString = #fileID, line: UInt = #line) {
        _ = call(Op.lerpInPlace, file: file, line: line) {
            $0.push(self)
            $0.push(end)
            $0.push(weight)
        }
    }

    /// `self += scale * other`, broadcast, in place.
    public func addInPlace(
        _ other: Tensor, scale: Double = 1, file: StaticString = #fileID, line: UInt = #line
    ) {
        guard OperatorGate.current.takesNumbers else {
            return copy(from: adding(other, scale: scale, file: file, line: line), file: file, line: line)
        }
        _ = call(Op.addInPlace, file: file, line: line) {
            $0.push(self)
            $0.push(other)
            $0.pushNumber(scale)
        }
    }

    /// `self -= scale * other`, broadcast, in place.
    public func subtractInPlace(
        _ other: Tensor, scale: Double = 1, file: StaticString = #fileID, line: UInt = #line
    ) {
        addInPlace(other, scale: -scale, file: file, line: line)
    }

    /// `self += value`, in place.
    public func addInPlace(_ value: Double, file: StaticString = #fileID, line: UInt = #line) {
        addInPlace(number(value), file: file, line: line)
    }

    /// `self *= other`, in place.
    public func multiplyInPlace(by other: Tensor, file: StaticString = #fileID, line: UInt = #line) {
        _ = binary(Op.mulInPlace, other, file, line)
    }

    /// `self *= value`, in place.
    public func multiplyInPlace(by value: Double, file: StaticString = #fileID, line: UInt = #line) {
        _ = binary(Op.mulInPlace, number(value), file, line)
    }

    /// `self /= other`, in place.
    public func divideInPlace(by other: Tensor, file: StaticString = #fileID, line: UInt = #line) {
        _ = binary(Op.divInPlace, other, file, line)
    }

    /// Copies the elements of `source`, broadcast and converted, into this tensor's memory.
    public func copy(from source: Tensor, file: StaticString = #fileID, line: UInt = #line) {
        _ = call(Op.copyInPlace, file: file, line: line) {
            $0.push(self)
            $0.push(source)
            $0.push(false)
        }
    }

    func binary(_ op: Operator, _ other: Tensor, _ file: StaticString, _ line: UInt) -> Tensor {
        call(op, file: file, line: line) {
            $0.push(self)
            $0.push(other)
        }
    }

    func withNumber(
        _ op: Operator, _ tensorOp: Operator, _ value: Double, _ file: StaticString, _ line: UInt
    ) -> Tensor {
        guard OperatorGate.current.takesNumbers else {
            // Two half-precision tensors without dimensions would round the number first.
            guard rank == 0, dtype == .float16 || dtype == .bfloat16 else {
                return binary(tensorOp, number(value), file, line)
            }
            return reshaped([1], file: file, line: line).withNumber(op, tensorOp, value, file, line)
                .reshaped([], file: file, line: line)
        }
        return call(op, file: file, line: line) {
            $0.push(self)
            $0.pushNumber(value)
        }
    }
}

extension ArgumentStack {
    /// A number, as an integer where it is one: torch refuses fractional numbers for integer tensors.
    mutating func pushNumber(_ value: Double) {
        if let whole = Int(exactly: value) { push(number: whole) } else { push(number: value) }
    }

    /// A number or None.
    mutating func pushNumber(_ value: Double?) {
        guard let value else { return pushNone() }
        pushNumber(value)
        base[count - 1] = StackMemory.optional(base[count - 1])
    }
}
