import TorchCore

private enum Op {
    static let norm = Operator("aten::linalg_vector_norm")
}

extension Tensor {
    /// `sum(|x|^p)^(1/p)` over some dimensions, or all; `.infinity` is the largest magnitude.
    public func norm(
        p: Double, _ dimensions: [Int]? = nil, keepingDimensions: Bool = false, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        call(Op.norm, file: file, line: line) {
            $0.push(self)
            $0.push(number: p)
            $0.push(dimensions)
            $0.push(keepingDimensions)
            $0.pushNone()
        }
    }

    /// Whether every element is finite: a tensor without dimensions, made by fewer operators than
    /// ``TorchCore/Tensor/isFinite(file:line:)`` takes, which is what counts for few elements.
    /// - Precondition: there is an element.
    public func allFinite(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        norm(p: .infinity, file: file, line: line).isLess(than: .infinity, file: file, line: line)
    }
}
