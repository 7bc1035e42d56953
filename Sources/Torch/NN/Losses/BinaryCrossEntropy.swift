import TorchCore

private enum Op {
    static let binaryCrossEntropy = Operator("aten::binary_cross_entropy_with_logits")
}

/// `-w (p y log sigmoid(x) + (1 - y) log(1 - sigmoid(x)))` per element: torch's `binary_cross_entropy_with_logits`.
/// - Parameters:
///   - logits: x, of any shape.
///   - target: y, numbers from 0 to 1 of the same shape.
///   - weight: w, broadcast; 1 by default.
///   - positiveWeight: p, broadcast: above 1 it favours recall, below 1 precision; 1 by default.
public func binaryCrossEntropyWithLogits(
    _ logits: Tensor, _ target: Tensor, weight: Tensor? = nil, positiveWeight: Tensor? = nil,
    reduction: Reduction = .mean, file: StaticString = #fileID, line: UInt = #line
) -> Tensor {
    let shapes = (logits.shape, target.shape)
    guard shapes.0 == shapes.1 else {
        operatorFailure(
            Op.binaryCrossEntropy.name,
            "Target size (\(shapes.1)) must be the same as input size (\(shapes.0))", file, line)
        return .undefined
    }
    return call(Op.binaryCrossEntropy, file: file, line: line) {
        $0.push(logits)
        $0.push(target)
        $0.push(weight)
        $0.push(positiveWeight)
        $0.push(reduction.rawValue)
    }
}
