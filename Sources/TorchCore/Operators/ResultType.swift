private enum Op {
    static let resultType = Operator("aten::result_type", "Tensor")
}

/// Torch's rules for the type that two tensors combine to.
enum ResultType {
    /// The type of an elementwise result.
    static func of(_ first: Tensor, _ second: Tensor, file: StaticString, line: UInt) -> DType {
        let (one, other) = (first.dtype, second.dtype)
        // Both floating and equal, by far the most frequent: no call.
        if one == other { return one }
        return call(
            Op.resultType, file: file, line: line,
            arguments: {
                $0.push(first)
                $0.push(second)
            },
            read: { DType(rawValue: Int32(truncatingIfNeeded: $0[0])) ?? one },
            failed: { one })
    }
}
