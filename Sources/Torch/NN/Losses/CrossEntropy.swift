import TorchCore

private enum Op {
    static let crossEntropy = Operator("aten::cross_entropy_loss")
    static let negativeLogLikelihood = Operator("aten::nll_loss_nd")
}

/// `-sum_c q_c log softmax(logits)_c` per example, where q is the target distribution: torch's `cross_entropy`.
///
/// With class indices y, `q = (1 - e) * onehot(y) + e / classes` with e the label smoothing. Class weights w multiply
/// the term of each class; the mean is then over the sum of `w_y`, not over the examples.
/// - Parameters:
///   - logits: N x classes, or N x classes x ….
///   - target: class indices (int64), N or N x …; or probabilities of the logits' shape.
///   - weight: one number per class.
///   - ignoreIndex: examples with this class index have no part in loss and mean.
///   - labelSmoothing: from 0 to 1, the share of the target distribution that is spread over all classes.
public func crossEntropy(
    _ logits: Tensor, _ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100, labelSmoothing: Double = 0,
    reduction: Reduction = .mean, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    call(Op.crossEntropy, file: file, line: line) {
        $0.push(logits)
        $0.push(target)
        $0.push(weight)
        $0.push(reduction.rawValue)
        $0.push(ignoreIndex)
        $0.push(labelSmoothing)
    }
}

/// `-w_y logProbabilities_y` per example: torch's `nll_loss`.
/// - Parameters:
///   - logProbabilities: N x classes, or N x classes x …, such as `logSoftmax(1)` returns.
///   - target: class indices (int64), N or N x ….
///   - weight: one number per class; the mean is then over the sum of `w_y`.
///   - ignoreIndex: examples with this class index have no part in loss and mean.
public func negativeLogLikelihood(
    _ logProbabilities: Tensor, _ target: Tensor, weight: Tensor? = nil, ignoreIndex: Int = -100,
    reduction: Reduction = .mean, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    call(Op.negativeLogLikelihood, file: file, line: line) {
        $0.push(logProbabilities)
        $0.push(target)
        $0.push(weight)
        $0.push(reduction.rawValue)
        $0.push(ignoreIndex)
    }
}
