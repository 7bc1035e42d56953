import TorchCore

/// What the factors are averaged from, gathered over micro-batches and over calls of one layer.
struct KroneckerSums {
    private var inputs, outputs: Tensor?
    private var rows = 0
    private var examples = 0

    /// Adds the sums over rows of a a^T and of g g^T, (groups x) i x i and o x o.
    /// - Parameter rows: how many the inputs have.
    mutating func add(inputs newInputs: Tensor, outputs newOutputs: Tensor, rows newRows: Int, newExamples: Int) {
        inputs = inputs.map { $0 + newInputs } ?? newInputs
        outputs = outputs.map { $0 + newOutputs } ?? newOutputs
        rows += newRows
        examples += newExamples
    }

    /// A = 1/(rows) sum a a^T and G = 1/N sum g g^T, where g is the back-propagated derivative times `gradientScale`.
    func factors(gradientScale: Double) -> [Tensor] {
        guard let inputs, let outputs else { return [] }
        return [
            inputs * (1 / Double(rows)), outputs * (gradientScale * gradientScale / Double(examples)),
        ]
    }
}

/// The sum over rows of a a^T where each a has a 1 at its end, from the sums without it: of a a^T, (groups x) columns x
/// columns, and of a, (groups x) columns.
func withBias(_ products: Tensor, sums: Tensor, rows: Int) -> Tensor {
    let sums = sums.unsqueezed(-1)
    let corner = Tensor.full(
        Array(sums.shape.dropLast(2)) + [1, 1], Double(rows), dtype: sums.dtype, device: sums.device)
    let top = Tensor.concatenated([products, sums], -1)
    return Tensor.concatenated([top, Tensor.concatenated([sums.transposed(), corner], -1)], -2)
}
