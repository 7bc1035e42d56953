private enum Op {
    static let gather = Operator("aten::gather")
    static let scatter = Operator("aten::scatter", "src")
    static let scatterNumber = Operator("aten::scatter", "value")
    static let scatterAdd = Operator("aten::scatter_add")
    static let maskedFill = Operator("aten::masked_fill", "Tensor")
    static let maskedFillNumber = Operator("aten::masked_fill", "Scalar")
    static let maskedFillInPlace = Operator("aten::masked_fill_", "Tensor")
    static let maskedSelect = Operator("aten::masked_select")
    static let nonzero = Operator("aten::nonzero")
    static let oneHot = Operator("aten::one_hot")
}

extension Tensor {
    /// For each element of `indices` (int64) the element of this tensor that it names along a dimension.
    public func gathered(
        _ dimension: Int, _ indices: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.gather, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
            $0.push(indices)
            $0.push(false)
        }
    }

    /// A copy with the elements that `indices` (int64) name along a dimension replaced by those of `source`.
    public func scattered(
        _ dimension: Int, _ indices: Tensor, from source: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        scattered(Op.scatter, dimension, indices, source, file, line)
    }

    /// A copy with the elements that `indices` (int64) name along a dimension replaced by a number.
    public func scattered(
        _ dimension: Int, _ indices: Tensor, value: Double, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard OperatorGate.current.takesNumbers else {
            let values = Tensor.full([], value, dtype: dtype, device: device, file: file, line: line)
                .expanded(indices.shape, file: file, line: line)
            return scattered(dimension, indices, from: values, file: file, line: line)
        }
        return call(Op.scatterNumber, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
            $0.push(indices)
            $0.pushNumber(value)
        }
    }

    /// A copy with the elements of `source` added to those that `indices` (int64) name along a dimension.
    public func scatterAdded(
        _ dimension: Int, _ indices: Tensor, from source: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        scattered(Op.scatterAdd, dimension, indices, source, file, line)
    }

    /// A copy with `value` where `mask` (bool, broadcast) is true.
    public func filled(
        where mask: Tensor, with value: Double, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        guard OperatorGate.current.takesNumbers else {
            return filled(Op.maskedFill, mask, number(value), file, line)
        }
        return call(Op.maskedFillNumber, file: file, line: line) {
            $0.push(self)
            $0.push(mask)
            $0.pushNumber(value)
        }
    }

    /// Sets the elements where `mask` (bool, broadcast) is true to `value`, in place.
    public func fill(where mask: Tensor, with value: Double, file: StaticString = #fileID, line: UInt = #line) {
        _ = filled(Op.maskedFillInPlace, mask, number(value), file, line)
    }

    /// The elements where `mask` (bool, broadcast) is true, as a vector. Waits for the device.
    public func elements(where mask: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.maskedSelect, mask, file, line)
    }

    /// The indices of the elements that are not 0: one row each. Waits for the device.
    public func nonzeroIndices(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.nonzero, file, line)
    }

    /// Vectors of 0 with a 1 where this tensor's elements (int64) say, along a new last dimension.
    /// - Parameter classes: the vectors' length; -1 is one more than the largest element.
    public func oneHot(classes: Int = -1, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.oneHot, file: file, line: line) {
            $0.push(self)
            $0.push(classes)
        }
    }

    private func scattered(
        _ op: Operator, _ dimension: Int, _ indices: Tensor, _ source: Tensor, _ file: StaticString, _ line: UInt
    ) -> Tensor {
        call(op, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
            $0.push(indices)
            $0.push(source)
        }
    }

    private func filled(
        _ op: Operator, _ mask: Tensor, _ value: Tensor, _ file: StaticString, _ line: UInt
    ) -> Tensor {
        call(op, file: file, line: line) {
            $0.push(self)
            $0.push(mask)
            $0.push(value)
        }
    }
}
