private enum Op {
    static let sum = Operator("aten::sum")
    static let sumDimensions = Operator("aten::sum", "dim_IntList")
    static let mean = Operator("aten::mean")
    static let meanDimensions = Operator("aten::mean", "dim")
    static let argmax = Operator("aten::argmax")
    static let maximum = Operator("aten::max")
    static let minimum = Operator("aten::min")
    static let trace = Operator("aten::trace")
}

extension Tensor {
    /// The sum of all elements.
    public func sum(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.sum, file: file, line: line) {
            $0.push(self)
            $0.pushNone()
        }
    }

    /// The sum over some dimensions.
    public func sum(
        _ dimensions: [Int], keepingDimensions: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.sumDimensions, file: file, line: line) {
            $0.push(self)
            $0.push(dimensions as [Int]?)
            $0.push(keepingDimensions)
            $0.pushNone()
        }
    }

    /// The mean of all elements.
    public func mean(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.mean, file: file, line: line) {
            $0.push(self)
            $0.pushNone()
        }
    }

    /// The mean over some dimensions.
    public func mean(
        _ dimensions: [Int], keepingDimensions: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.meanDimensions, file: file, line: line) {
            $0.push(self)
            $0.push(dimensions as [Int]?)
            $0.push(keepingDimensions)
            $0.pushNone()
        }
    }

    /// The largest element.
    public func max(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.maximum, file, line) }

    /// The smallest element.
    public func min(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.minimum, file, line) }

    /// The index of the largest element along a dimension.
    public func argmax(_ dimension: Int, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.argmax, file: file, line: line) {
            $0.push(self)
            $0.push(dimension as Int?)
            $0.push(false)
        }
    }

    /// The sum of the elementwise product, `<X, Y>`: a tensor without dimensions.
    public func inner(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        multiplied(by: other, file: file, line: line).sum(file: file, line: line)
    }
}
