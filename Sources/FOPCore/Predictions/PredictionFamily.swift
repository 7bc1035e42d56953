import TorchCore

/// What a model's output says about the labels: the distribution whose negative logarithm is the loss. The Monte Carlo
/// and the exact Fisher are made of it.
///
/// Everything is relative to the batch's loss, the mean or the sum over all predictions.
public enum PredictionFamily: String, CaseIterable, Sendable {
    /// The output is … x classes, the scores before a softmax: cross entropy.
    case categorical
    /// The output is a score before a sigmoid for each truth value: binary cross entropy.
    case bernoulli
    /// The output is … x features, means of the normal distribution: squared error, averaged over all numbers, whose
    /// noise has the variance features / 2, or summed, with the variance 1/2.
    case gaussian

    /// Whether labels are drawn with normal noise; else it is uniform, from 0 to below 1.
    public var drawsNormally: Bool { self == .gaussian }

    /// The derivatives of the batch's loss with respect to the output, for labels drawn from the predictions.
    /// - Parameter noise: independent random numbers, one for each of the output's.
    /// - Returns: in float32, or the output's type if that is float64.
    public func sampledGradient(output: Tensor, noise: Tensor, reduction: LossReduction) -> Tensor {
        let values = output.detached().toFactorPrecision()
        let noise = noise.to(values.dtype)
        let features = values.size(-1)
        switch self {
        case .categorical:
            let probabilities = values.softmax(-1)
            // The largest of p / e with exponential e is a draw from p (the Gumbel-max trick).
            let drawn = (probabilities / -noise.logarithm()).argmax(-1, keepingDimensions: true)
            let labels = Tensor.arange(0..<features, device: values.device).elementsEqual(drawn).to(values.dtype)
            return (probabilities - labels) * weight(reduction, values.count / features)
        case .bernoulli:
            let probabilities = values.sigmoid()
            let labels = probabilities.isGreater(than: noise).to(values.dtype)
            return (probabilities - labels) * weight(reduction, values.count)
        case .gaussian:
            return noise * (weight(reduction, values.count / features) * gaussianSlope(reduction, features))
        }
    }

    /// The columns of a square root of the loss's Hessian with respect to an output of N x features, one tensor of its
    /// shape each.
    public func hessianRoot(output: Tensor, reduction: LossReduction) -> [Tensor] {
        let values = output.detached().toFactorPrecision()
        let features = values.size(1)
        let unit = Tensor.identity(features, dtype: values.dtype, device: values.device)
        let rows = weight(reduction, values.size(0))
        return (0..<features).map { column in
            let chosen = unit.selected(0, column)
            switch self {
            case .categorical:
                let probabilities = values.softmax(-1)
                let own = probabilities.narrowed(1, from: column, length: 1)
                return (probabilities - chosen) * own.squareRoot() * rows
            case .bernoulli:
                let probabilities = values.sigmoid()
                return (probabilities * (1 - probabilities)).squareRoot() * chosen * weight(reduction, values.count)
            case .gaussian: return values.onesLike() * chosen * (rows * gaussianSlope(reduction, features))
            }
        }
    }

    private func weight(_ reduction: LossReduction, _ predictions: Int) -> Double {
        reduction == .mean ? 1 / Double(predictions) : 1
    }

    /// The root of the squares' second derivative with respect to one number, for one prediction.
    private func gaussianSlope(_ reduction: LossReduction, _ features: Int) -> Double {
        (reduction == .mean ? 2 / Double(features) : 2).squareRoot()
    }
}
