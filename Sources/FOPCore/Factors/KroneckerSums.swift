import TorchCore

/// What the factors are averaged from, gathered over micro-batches and over calls of one layer.
struct KroneckerSums {
    private var inputs, outputs: Tensor?
    private var rows = 0
    private var examples = 0

    /// Adds (groups x) rows x columns of layer inputs and output gradients.
    mutating func add(inputs newInputs: Tensor, outputs newOutputs: Tensor, newExamples: Int, hasBias: Bool) {
        let inputSum = gram(newInputs, withOnes: hasBias)
        let outputSum = gram(newOutputs, withOnes: false)
        inputs = inputs.map { $0 + inputSum } ?? inputSum
        outputs = outputs.map { $0 + outputSum } ?? outputSum
        rows += newInputs.size(-2)
        examples += newExamples
    }

    /// A = 1/(rows) sum a a^T and G = 1/N sum g g^T, where g is the back-propagated derivative times `gradientScale`.
    func factors(gradientScale: Double) -> [Tensor] {
        guard let inputs, let outputs else { return [] }
        return [
            inputs * (1 / Double(rows)), outputs * (gradientScale * gradientScale / Double(examples)),
        ]
    }

    /// X^T X, for X with a column of ones put at its end where the layer has a bias.
    private func gram(_ matrix: Tensor, withOnes: Bool) -> Tensor {
        let square = matrix.transposed().matmul(matrix)
        guard withOnes else { return square }
        let sums = matrix.sum([-2], keepingDimensions: true)
        let corner = Tensor.full(
            Array(sums.shape.dropLast()) + [1], Double(matrix.size(-2)), dtype: matrix.dtype, device: matrix.device)
        let top = Tensor.concatenated([square, sums.transposed()], -1)
        return Tensor.concatenated([top, Tensor.concatenated([sums, corner], -1)], -2)
    }
}
