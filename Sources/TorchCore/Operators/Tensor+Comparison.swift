private enum Op {
    static let equal = Operator("aten::eq", "Tensor")
    static let equalNumber = Operator("aten::eq", "Scalar")
    static let notEqual = Operator("aten::ne", "Tensor")
    static let notEqualNumber = Operator("aten::ne", "Scalar")
    static let less = Operator("aten::lt", "Tensor")
    static let lessNumber = Operator("aten::lt", "Scalar")
    static let lessOrEqual = Operator("aten::le", "Tensor")
    static let lessOrEqualNumber = Operator("aten::le", "Scalar")
    static let greater = Operator("aten::gt", "Tensor")
    static let greaterNumber = Operator("aten::gt", "Scalar")
    static let greaterOrEqual = Operator("aten::ge", "Tensor")
    static let greaterOrEqualNumber = Operator("aten::ge", "Scalar")
    static let same = Operator("aten::equal")
    static let allClose = Operator("aten::allclose")
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

    /// Where the elements equal a number.
    public func elementsEqual(_ value: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        withNumber(Op.equalNumber, Op.equal, value, file, line)
    }

    /// Where the elements differ, broadcast.
    public func elementsDiffer(from other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.notEqual, other, file, line)
    }

    /// Where the elements differ from a number.
    public func elementsDiffer(from value: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        withNumber(Op.notEqualNumber, Op.notEqual, value, file, line)
    }

    /// Where this tensor's elements are smaller, broadcast.
    public func isLess(than other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.less, other, file, line)
    }

    /// Where this tensor's elements are smaller than a number.
    public func isLess(than value: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        withNumber(Op.lessNumber, Op.less, value, file, line)
    }

    /// Where this tensor's elements are smaller or equal, broadcast.
    public func isLessOrEqual(to other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.lessOrEqual, other, file, line)
    }

    /// Where this tensor's elements are smaller than a number or equal to it.
    public func isLessOrEqual(to value: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        withNumber(Op.lessOrEqualNumber, Op.lessOrEqual, value, file, line)
    }

    /// Where this tensor's elements are larger, broadcast.
    public func isGreater(than other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.greater, other, file, line)
    }

    /// Where this tensor's elements are larger than a number.
    public func isGreater(than value: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        withNumber(Op.greaterNumber, Op.greater, value, file, line)
    }

    /// Where this tensor's elements are larger or equal, broadcast.
    public func isGreaterOrEqual(to other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.greaterOrEqual, other, file, line)
    }

    /// Where this tensor's elements are larger than a number or equal to it.
    public func isGreaterOrEqual(to value: Double, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        withNumber(Op.greaterOrEqualNumber, Op.greaterOrEqual, value, file, line)
    }

    /// Whether shapes and all elements are the same; a NaN equals nothing. Waits for the device.
    public func isEqual(to other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Bool {
        HostReads.count.add(1, ordering: .relaxed)
        return callBool(Op.same, file: file, line: line) {
            $0.push(self)
            $0.push(other)
        }
    }

    /// Whether `|self - other| <= absolute + relative * |other|` for all elements, broadcast. Waits for the device.
    public func isClose(
        to other: Tensor, relative: Double = 1e-5, absolute: Double = 1e-8, equalNaN: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Bool {
        HostReads.count.add(1, ordering: .relaxed)
        return callBool(Op.allClose, file: file, line: line) {
            $0.push(self)
            $0.push(other)
            $0.push(relative)
            $0.push(absolute)
            $0.push(equalNaN)
        }
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
