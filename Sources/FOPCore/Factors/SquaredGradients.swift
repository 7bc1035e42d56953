import TorchCore

/// The sum over examples of the squares of each example's own gradient, sum over n of (sum over t of g a^T)^2, by
/// element.
///
/// With one position per example that is one product of matrices. With more, the examples' gradients are formed, about
/// 4 million numbers at a time. The rows of the last pass are kept until the next one: further calls of the layer add
/// positions to its examples.
struct SquaredGradients {
    private static let largestSlice = 1 << 22

    private var inputs, outputs: Tensor?
    private var sum: Tensor?
    private var examples = 0

    /// - Parameters:
    ///   - inputs: (groups x) N x T x i.
    ///   - outputs: (groups x) N x T x o.
    mutating func accumulate(inputs newInputs: Tensor, outputs newOutputs: Tensor, as use: RecordUse) {
        let count = newInputs.size(-3)
        if use == .anotherCall, let inputs, let outputs, inputs.size(-3) == count {
            self.inputs = Tensor.concatenated([inputs, newInputs], -2)
            self.outputs = Tensor.concatenated([outputs, newOutputs], -2)
            return
        }
        addPending()
        (inputs, outputs) = (newInputs, newOutputs)
        examples += use == .newExamples ? count : 0
    }

    /// Their mean for derivatives times `gradientScale`, (groups x) o x i; nil when nothing was gathered.
    mutating func take(gradientScale: Double) -> Tensor? {
        addPending()
        defer { self = SquaredGradients() }
        return sum.map { $0 * (gradientScale * gradientScale / Double(examples)) }
    }

    private mutating func addPending() {
        guard let inputs, let outputs else { return }
        let squares = inputs.size(-2) == 1 ? singlePositions(inputs, outputs) : manyPositions(inputs, outputs)
        sum = sum.map { $0 + squares } ?? squares
        self.inputs = nil
        self.outputs = nil
    }

    private func singlePositions(_ inputs: Tensor, _ outputs: Tensor) -> Tensor {
        outputs.squeezed(-2).squared().transposed().matmul(inputs.squeezed(-2).squared())
    }

    private func manyPositions(_ inputs: Tensor, _ outputs: Tensor) -> Tensor {
        let count = inputs.size(-3)
        let numbers = outputs.size(-1) * inputs.size(-1) * max(1, inputs.rank == 4 ? inputs.size(0) : 1)
        let slice = max(1, Self.largestSlice / numbers)
        return stride(from: 0, to: count, by: slice).map { start in
            let length = min(slice, count - start)
            let gradients = outputs.narrowed(-3, from: start, length: length).transposed()
                .matmul(inputs.narrowed(-3, from: start, length: length))
            return gradients.squared().sum([-3])
        }.reduce(nil) { (sum: Tensor?, part) in sum.map { $0 + part } ?? part }!
    }
}
