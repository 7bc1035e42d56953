private enum Op {
    static let negated = Operator("aten::neg")
    static let reciprocal = Operator("aten::reciprocal")
    static let squareRoot = Operator("aten::sqrt")
    static let reciprocalSquareRoot = Operator("aten::rsqrt")
    static let absolute = Operator("aten::abs")
    static let exponential = Operator("aten::exp")
    static let logarithm = Operator("aten::log")
    static let isFinite = Operator("aten::isfinite")
    static let logicalNot = Operator("aten::logical_not")
    static let sine = Operator("aten::sin")
    static let cosine = Operator("aten::cos")
    static let errorFunction = Operator("aten::erf")
    static let exponentialMinusOne = Operator("aten::expm1")
    static let logarithmOfOnePlus = Operator("aten::log1p")
    static let squared = Operator("aten::square")
    static let sign = Operator("aten::sign")
    static let floor = Operator("aten::floor")
    static let ceil = Operator("aten::ceil")
    static let round = Operator("aten::round")
    static let isNaN = Operator("aten::isnan")
    static let isInfinite = Operator("aten::isinf")
    static let clamp = Operator("aten::clamp")
    static let clampTensor = Operator("aten::clamp", "Tensor")
}

extension Tensor {
    /// `-x`
    public func negated(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.negated, file, line) }

    /// `1 / x`
    public func reciprocal(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.reciprocal, file, line)
    }

    /// The square root of each element.
    public func squareRoot(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.squareRoot, file, line)
    }

    /// `1 / sqrt(x)`
    public func reciprocalSquareRoot(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.reciprocalSquareRoot, file, line)
    }

    /// The magnitude of each element.
    public func absolute(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.absolute, file, line) }

    /// `e^x`
    public func exponential(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.exponential, file, line)
    }

    /// The natural logarithm.
    public func logarithm(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.logarithm, file, line)
    }

    /// Whether each element is neither infinite nor NaN.
    public func isFinite(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.isFinite, file, line) }

    /// The sine of each element, in radians.
    public func sin(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.sine, file, line) }

    /// The cosine of each element, in radians.
    public func cos(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.cosine, file, line) }

    /// The error function, `2 / sqrt(pi)` times the integral of `e^(-t^2)` from 0 to x.
    public func erf(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.errorFunction, file, line) }

    /// `e^x - 1`, exact near 0.
    public func expm1(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.exponentialMinusOne, file, line)
    }

    /// `log(1 + x)`, exact near 0.
    public func log1p(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.logarithmOfOnePlus, file, line)
    }

    /// `x * x`
    public func squared(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.squared, file, line) }

    /// -1, 0 or 1.
    public func sign(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.sign, file, line) }

    /// The next whole number downwards.
    public func floor(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.floor, file, line) }

    /// The next whole number upwards.
    public func ceil(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.ceil, file, line) }

    /// The nearest whole number, the even one of two.
    public func rounded(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.round, file, line) }

    /// Whether each element is not a number.
    public func isNaN(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.isNaN, file, line) }

    /// Whether each element is infinite.
    public func isInfinite(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.isInfinite, file, line)
    }

    /// The elements moved into a range: at least `min`, at most `max`, where given.
    public func clamped(
        min: Double? = nil, max: Double? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard OperatorGate.current.takesNumbers else {
            return clamped(min: min.map(number), max: max.map(number), file: file, line: line)
        }
        return call(Op.clamp, file: file, line: line) {
            $0.push(self)
            $0.pushNumber(min)
            $0.pushNumber(max)
        }
    }

    /// The elements moved into a range: at least `min`, at most `max`, broadcast, where given.
    public func clamped(
        min: Tensor?, max: Tensor?, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.clampTensor, file: file, line: line) {
            $0.push(self)
            $0.push(min)
            $0.push(max)
        }
    }

    /// The opposite of each truth value.
    public func logicalNot(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.logicalNot, file, line)
    }

    func unary(_ op: Operator, _ file: StaticString, _ line: UInt) -> Tensor {
        call(op, file: file, line: line) { $0.push(self) }
    }
}
