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
    static let pow = Operator("aten::pow", "Tensor_Tensor")
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
        var result: OpaquePointer?
        guard aoti_torch_aten_subtract_Tensor(handle, other.handle, -scale, &result) == 0, let result else {
            operatorFailure("aten::add.Tensor", lastErrorText(.current), file, line)
            return .undefined
        }
        return Tensor(owning: result)
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

    private func withNumber(
        _ op: Operator, _ tensorOp: Operator, _ value: Double, _ file: StaticString, _ line: UInt
    ) -> Tensor {
        guard OperatorGate.current.takesNumbers else { return binary(tensorOp, number(value), file, line) }
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
}

extension Tensor {
    public static func + (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.adding(rhs) }
    public static func - (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.subtracting(rhs) }
    public static func * (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.multiplied(by: rhs) }
    public static func / (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.divided(by: rhs) }
    public static func + (lhs: Tensor, rhs: Double) -> Tensor { lhs.adding(rhs) }
    public static func - (lhs: Tensor, rhs: Double) -> Tensor { lhs.adding(-rhs) }
    public static func * (lhs: Tensor, rhs: Double) -> Tensor { lhs.multiplied(by: rhs) }
    public static func / (lhs: Tensor, rhs: Double) -> Tensor { lhs.divided(by: rhs) }
    public static func + (lhs: Double, rhs: Tensor) -> Tensor { rhs.adding(lhs) }
    public static func - (lhs: Double, rhs: Tensor) -> Tensor { rhs.negated().adding(lhs) }
    public static func * (lhs: Double, rhs: Tensor) -> Tensor { rhs.multiplied(by: lhs) }
    public static func / (lhs: Double, rhs: Tensor) -> Tensor { rhs.reciprocal().multiplied(by: lhs) }
    public static prefix func - (operand: Tensor) -> Tensor { operand.negated() }
}
