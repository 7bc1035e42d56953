import TorchCore

/// The rows of the setting "reduce" (Eschenhagen et al. 2023): for each example the mean of its inputs and the sum of its
/// output gradients over all positions, also over several calls of the layer in one pass.
struct MergedPositions {
    private var inputs, outputs: Tensor?
    private var positions = 0
    private var newExamples = 0

    /// How many examples the rows are of; 0 for none.
    var examples: Int { inputs?.size(-2) ?? 0 }

    /// Adds rows of one call: (groups x) N x T x columns. Another call's have to be of as many examples.
    mutating func add(inputs newInputs: Tensor, outputs newOutputs: Tensor, newExamples: Int) {
        let (inputSum, outputSum) = (newInputs.sum([-2]), newOutputs.sum([-2]))
        inputs = inputs.map { $0 + inputSum } ?? inputSum
        outputs = outputs.map { $0 + outputSum } ?? outputSum
        positions += newInputs.size(-2)
        self.newExamples += newExamples
    }

    /// (groups x) N x columns, and how many of the examples are new. Nil when nothing was added since the last time.
    mutating func take() -> (inputs: Tensor, outputs: Tensor, newExamples: Int)? {
        guard let inputs, let outputs else { return nil }
        defer { self = MergedPositions() }
        return (inputs * (1 / Double(positions)), outputs, newExamples)
    }
}
