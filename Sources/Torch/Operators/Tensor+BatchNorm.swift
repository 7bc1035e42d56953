import TorchCore

private enum Op {
    static let batchNorm = Operator("aten::_batch_norm_impl_index")
}

extension Tensor {
    /// `(x - mean) / sqrt(variance + epsilon) * weight + bias` per channel of N x channels x ….
    /// - Parameters:
    ///   - runningMean: what is subtracted, or in training moved towards the batch's mean by the share `momentum`, in
    ///     place; and so for `runningVariance`.
    /// - Returns: the output, and in training the batch's means and inverse standard deviations.
    func batchNormalized(
        weight: Tensor?, bias: Tensor?, runningMean: Tensor?, runningVariance: Tensor?, training: Bool,
        momentum: Double, epsilon: Double, file: StaticString = #fileID, line: UInt = #line
    ) -> (output: Tensor, mean: Tensor, inverseStandardDeviation: Tensor) {
        let results: [Tensor] = call(
            Op.batchNorm, results: 5, file: file, line: line,
            arguments: {
                $0.push(self)
                $0.push(weight)
                $0.push(bias)
                $0.push(runningMean)
                $0.push(runningVariance)
                $0.push(training)
                $0.push(momentum)
                $0.push(epsilon)
                $0.push(true)
            },
            // The fifth is a number: which implementation it was.
            read: { values in (0..<4).map { Tensor(owning: OpaquePointer(bitPattern: UInt(values[$0]))!) } },
            failed: { Array(repeating: .undefined, count: 4) })
        return (results[0], results[1], results[2])
    }
}
