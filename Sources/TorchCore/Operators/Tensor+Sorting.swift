private enum Op {
    static let sort = Operator("aten::sort", "stable")
    static let topK = Operator("aten::topk")
}

extension Tensor {
    /// The elements in order along a dimension, and where each one was.
    /// - Parameter stable: whether equal elements keep their order.
    public func sorted(
        _ dimension: Int = -1, descending: Bool = false, stable: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        call2(Op.sort, file: file, line: line) {
            $0.push(self)
            $0.push(stable as Bool?)
            $0.push(dimension)
            $0.push(descending)
        }
    }

    /// The `k` largest (or smallest) elements along a dimension, in order, and where each one was.
    public func topK(
        _ k: Int, _ dimension: Int = -1, largest: Bool = true, file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, indices: Tensor) {
        call2(Op.topK, file: file, line: line) {
            $0.push(self)
            $0.push(k)
            $0.push(dimension)
            $0.push(largest)
            $0.push(true)
        }
    }
}
