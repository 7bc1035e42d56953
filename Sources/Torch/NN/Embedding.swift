import TorchCore

private enum Op {
    static let embedding = Operator("aten::embedding")
}

/// A vector for each whole number: indices (int64) of any shape become shape x width.
public final class Embedding: Module, Layer {
    /// count x width
    public let weight: Parameter
    /// An index whose vector is 0 at first and gets no gradient.
    public let paddingIndex: Int?

    /// Weights are drawn from N(0, 1), as torch's.
    /// - Parameters:
    ///   - count: indices are 0 to `count - 1`.
    ///   - paddingIndex: negative ones count from the end.
    public init(_ count: Int, _ width: Int, paddingIndex: Int? = nil, generator: Generator = .default) {
        let index = paddingIndex.map { $0 < 0 ? count + $0 : $0 }
        weight = Parameter(Initializer.normal()([count, width], generator: generator))
        self.paddingIndex = index
        super.init()
        if let index, isValid(index, count) { withoutGradients { weight.value.selected(0, index).fill(0) } }
    }

    private func isValid(_ index: Int, _ count: Int) -> Bool {
        checkArgument(
            (0..<count).contains(index), of: "Embedding",
            "Padding_idx must be within num_embeddings: \(index), \(count)")
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let output = input.embedded(in: weight.value, paddingIndex: paddingIndex)
        return observed(input: input, output: output)
    }
}

extension Tensor {
    /// The rows of `table` that these indices (int64) name.
    /// - Parameter paddingIndex: a row that gets no gradient.
    public func embedded(
        in table: Tensor, paddingIndex: Int? = nil, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.embedding, file: file, line: line) {
            $0.push(table)
            $0.push(self)
            $0.push(paddingIndex ?? -1)
            $0.push(false)
            $0.push(false)
        }
    }
}
