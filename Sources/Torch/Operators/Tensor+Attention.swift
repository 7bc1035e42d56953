import TorchCore

private enum Op {
    static let attention = Operator("aten::scaled_dot_product_attention")
}

extension Tensor {
    /// `softmax(q k^T * scale + mask) v`, q being this tensor: N x heads x queries x width.
    /// - Parameters:
    ///   - key: N x heads x keys x width.
    ///   - value: N x heads x keys x value width.
    ///   - mask: broadcast to N x heads x queries x keys; truth values: true takes part; numbers: added to the scores.
    ///   - dropout: the probability with which a weight is dropped.
    ///   - causal: whether a query sees only keys up to its own position.
    ///   - scale: `1 / sqrt(width)` by default.
    public func attention(
        key: Tensor, value: Tensor, mask: Tensor? = nil, dropout: Double = 0, causal: Bool = false,
        scale: Double? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.attention, file: file, line: line) {
            $0.push(self)
            $0.push(key)
            $0.push(value)
            $0.push(mask)
            $0.push(dropout)
            $0.push(causal)
            $0.push(scale)
            $0.push(false)
        }
    }
}
