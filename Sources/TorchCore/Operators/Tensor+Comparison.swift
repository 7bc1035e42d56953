private enum Op {
    static let equal = Operator("aten::eq", "Tensor")
    static let less = Operator("aten::lt", "Tensor")
    static let lessOrEqual = Operator("aten::le", "Tensor")
    static let greater = Operator("aten::gt", "Tensor")
    static let greaterOrEqual = Operator("aten::ge", "Tensor")
    static let logicalAnd = Operator("aten::logical_and")
    static let logicalOr = Operator("aten::logical_or")
    static let select = Operator("aten::where", "self")
    static let all = Operator("aten::all")
    static let any = Operator("aten::any")
}

extension Tensor {
    /// Where the elements are the same, broadcast.
    public func elementsEqual(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.equal, other, file, line)
    }

    /// Where this tensor's elements are smaller, broadcast.
    public func isLess(than other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.less, other, file, line)
    }

    /// Where this tensor's elements are larger, broadcast.
    public func isGreater(than other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.greater, other, file, line)
    }

    /// Where this tensor's elements are larger than a number.
    public func isGreater(than value: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.greater, number(value), file, line)
    }

    /// Where this tensor's elements are smaller than a number.
    public func isLess(than value: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.less, number(value), file, line)
    }

    /// Where both are true.
    public func logicalAnd(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.logicalAnd, other, file, line)
    }

    /// Where either is true.
    public func logicalOr(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.logicalOr, other, file, line)
    }

    /// Whether every element is true: a tensor without dimensions.
    public func all(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.all, file, line) }

    /// Whether any element is true: a tensor without dimensions.
    public func any(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.any, file, line) }

    /// Elements of `yes` where `condition` is true, of `no` elsewhere, broadcast.
    public static func select(
        _ condition: Tensor, _ yes: Tensor, _ no: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.select, file: file, line: line) {
            $0.push(condition)
            $0.push(yes)
            $0.push(no)
        }
    }
}
