private enum Op {
    static let sum = Operator("aten::sum")
    static let sumDimensions = Operator("aten::sum", "dim_IntList")
    static let mean = Operator("aten::mean")
    static let meanDimensions = Operator("aten::mean", "dim")
    static let argmax = Operator("aten::argmax")
    static let maximum = Operator("aten::max")
    static let minimum = Operator("aten::min")
    static let maximumAlong = Operator("aten::max", "dim")
    static let minimumAlong = Operator("aten::min", "dim")
    static let argmin = Operator("aten::argmin")
    static let logSumExp = Operator("aten::logsumexp")
    static let cumulativeSum = Operator("aten::cumsum")
    static let product = Operator("aten::prod")
    static let variance = Operator("aten::var", "dim")
    static let varianceAndMean = Operator("aten::var_mean", "dim")
    static let deviation = Operator("aten::std", "dim")
    static let norm = Operator("aten::linalg_norm")
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

    /// The largest elements along a dimension and their indices.
    public func max(
        _ dimension: Int, keepingDimensions: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        call2(Op.maximumAlong, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
            $0.push(keepingDimensions)
        }
    }

    /// The smallest elements along a dimension and their indices.
    public func min(
        _ dimension: Int, keepingDimensions: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        call2(Op.minimumAlong, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
            $0.push(keepingDimensions)
        }
    }

    /// The index of the largest element along a dimension.
    public func argmax(
        _ dimension: Int, keepingDimensions: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.argmax, file: file, line: line) {
            $0.push(self)
            $0.push(dimension as Int?)
            $0.push(keepingDimensions)
        }
    }

    /// The index of the smallest element along a dimension.
    public func argmin(
        _ dimension: Int, keepingDimensions: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.argmin, file: file, line: line) {
            $0.push(self)
            $0.push(dimension as Int?)
            $0.push(keepingDimensions)
        }
    }

    /// The product of all elements.
    public func product(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.product, file: file, line: line) {
            $0.push(self)
            $0.pushNone()
        }
    }

    /// `log(sum(e^x))` over some dimensions, without overflow.
    public func logSumExp(
        _ dimensions: [Int], keepingDimensions: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.logSumExp, file: file, line: line) {
            $0.push(self)
            $0.push(dimensions)
            $0.push(keepingDimensions)
        }
    }

    /// Each element plus all before it along a dimension.
    public func cumulativeSum(_ dimension: Int, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.cumulativeSum, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
            $0.pushNone()
        }
    }

    /// The variance over some dimensions, or all.
    /// - Parameter unbiased: whether to divide by the count less one.
    public func variance(
        _ dimensions: [Int]? = nil, unbiased: Bool = true, keepingDimensions: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        spread(Op.variance, dimensions, unbiased, keepingDimensions, file, line)
    }

    /// The variance, divided by the count, and the mean over some dimensions, in one pass.
    public func varianceAndMean(
        _ dimensions: [Int], keepingDimensions: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> (variance: Tensor, mean: Tensor) {
        call2(Op.varianceAndMean, file: file, line: line) {
            $0.push(self)
            $0.push(dimensions as [Int]?)
            $0.push(false)
            $0.push(keepingDimensions)
        }
    }

    /// The standard deviation over some dimensions, or all.
    /// - Parameter unbiased: whether to divide by the count less one.
    public func standardDeviation(
        _ dimensions: [Int]? = nil, unbiased: Bool = true, keepingDimensions: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        spread(Op.deviation, dimensions, unbiased, keepingDimensions, file, line)
    }

    /// The square root of the sum of squares over some dimensions, or all.
    public func norm(
        _ dimensions: [Int]? = nil, keepingDimensions: Bool = false, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.norm, file: file, line: line) {
            $0.push(self)
            $0.pushNone()
            $0.push(dimensions)
            $0.push(keepingDimensions)
            $0.pushNone()
        }
    }

    /// The sum of the magnitudes of all elements.
    public func absoluteSum(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        absolute(file: file, line: line).sum(file: file, line: line)
    }

    /// The sum of a matrix's diagonal.
    public func trace(file: StaticString = #fileID, line: UInt = #line) -> Tensor { unary(Op.trace, file, line) }

    private func spread(
        _ op: Operator, _ dimensions: [Int]?, _ unbiased: Bool, _ keepingDimensions: Bool, _ file: StaticString,
        _ line: UInt
    ) -> Tensor {
        call(op, file: file, line: line) {
            $0.push(self)
            $0.push(dimensions)
            $0.push(unbiased)
            $0.push(keepingDimensions)
        }
    }

    /// The sum of the elementwise product, `<X, Y>`: a tensor without dimensions.
    public func inner(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        multiplied(by: other, file: file, line: line).sum(file: file, line: line)
    }
}
