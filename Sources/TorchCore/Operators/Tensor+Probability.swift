private enum Op {
    static let sigmoid = Operator("aten::sigmoid")
    static let softmax = Operator("aten::softmax", "int")
    static let logSoftmax = Operator("aten::log_softmax", "int")
}

/// What makes probabilities of scores.
extension Tensor {
    /// `1 / (1 + e^-x)`
    public func sigmoid(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.sigmoid, file, line) }

    /// `e^x_i / sum_j e^x_j` along a dimension.
    public func softmax(_ dimension: Int, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        apply(Op.softmax, along: dimension, file, line)
    }

    /// `x_i - log sum_j e^x_j` along a dimension.
    public func logSoftmax(_ dimension: Int, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        apply(Op.logSoftmax, along: dimension, file, line)
    }

    private func apply(_ op: Operator, along dimension: Int, _ file: StaticString, _ line: UInt) -> Tensor {
        call(op, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
            $0.pushNone()
        }
    }
}
