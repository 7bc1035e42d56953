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
}

extension Tensor {
    /// `-x`
    public func negated(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.negated, file, line) }

    /// `1 / x`
    public func reciprocal(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.reciprocal, file, line) }

    /// The square root of each element.
    public func squareRoot(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.squareRoot, file, line) }

    /// `1 / sqrt(x)`
    public func reciprocalSquareRoot(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.reciprocalSquareRoot, file, line) }

    /// The magnitude of each element.
    public func absolute(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.absolute, file, line) }

    /// `e^x`
    public func exponential(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.exponential, file, line) }

    /// The natural logarithm.
    public func logarithm(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.logarithm, file, line) }

    /// Whether each element is neither infinite nor NaN.
    public func isFinite(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.isFinite, file, line) }

    /// The opposite of each truth value.
    public func logicalNot(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.logicalNot, file, line) }

    func unary(_ op: Operator, _ file: StaticString, _ line: UInt) -> Tensor {
        call(op, file: file, line: line) { $0.push(self) }
    }
}
