import TorchCore

private enum Op {
    static let meanSquaredError = Operator("aten::mse_loss")
}

/// `(prediction - target)^2` per element: torch's `mse_loss`. The mean is over all elements.
/// - Precondition: both have the same shape. (torch warns and broadcasts, which is hardly ever meant.)
public func meanSquaredError(
    _ prediction: Tensor, _ target: Tensor, reduction: Reduction = .mean, file: StaticString = #fileID,
    line: UInt = #line
) -> Tensor {
    let shapes = (prediction.shape, target.shape)
    guard shapes.0 == shapes.1 else {
        operatorFailure(
            Op.meanSquaredError.name, "target has shape \(shapes.1), the prediction \(shapes.0)", file, line)
        return .undefined
    }
    return call(Op.meanSquaredError, file: file, line: line) {
        $0.push(prediction)
        $0.push(target)
        $0.push(reduction.rawValue)
    }
}
