import FOPCore
import Torch

/// What a model predicts, as a distribution: what the Monte Carlo and the exact Fisher are made of. The counterpart of the
/// loss, whose mean or sum over all predictions it is.
public enum Predictions {
    /// Class scores before the softmax, … x classes: of ``crossEntropy(_:_:reduction:labelSmoothing:)``.
    case categorical(logits: Tensor)
    /// Scores before the sigmoid, one for each truth value: of a binary cross entropy.
    case bernoulli(logits: Tensor)
    /// Numbers, … x features: of ``meanSquaredError(_:_:reduction:)``, whose noise has the variance features / 2, or
    /// 1/2 where the loss is the sum over all of them.
    case gaussian(mean: Tensor)

    /// The model's output.
    var output: Tensor {
        switch self {
        case .categorical(let logits), .bernoulli(let logits): logits
        case .gaussian(let mean): mean
        }
    }

    /// Derivatives of the batch's loss with respect to the output for labels drawn from the predictions.
    func sampled(_ reduction: LossReduction) -> Tensor {
        let values = inFullPrecision(output.detached())
        let features = values.size(-1)
        switch self {
        case .categorical:
            let probabilities = values.softmax(-1)
            // The largest of p / e with exponential e is a draw from p (the Gumbel-max trick).
            let waiting = -uniform(like: probabilities).logarithm()
            let drawn = (probabilities / waiting).argmax(-1, keepingDimensions: true)
            let labels = classIndices(like: values).elementsEqual(drawn).to(values.dtype)
            return (probabilities - labels) * weight(reduction, values.count / features)
        case .bernoulli:
            let probabilities = values.sigmoid()
            let labels = probabilities.isGreater(than: uniform(like: probabilities)).to(values.dtype)
            return (probabilities - labels) * weight(reduction, values.count)
        case .gaussian:
            let noise = Tensor.normal(values.shape, device: values.device).to(values.dtype)
            return noise * (weight(reduction, values.count / features) * gaussianSlope(reduction, features))
        }
    }

    /// The columns of a square root of the loss's Hessian with respect to the output, one tensor of the output's shape
    /// each.
    /// - Throws: ``TorchError/invalidValue(_:)`` for more than one prediction per example.
    func exact(_ reduction: LossReduction) throws -> [Tensor] {
        let values = inFullPrecision(output.detached())
        guard values.rank == 2 else {
            throw TorchError.invalidValue(
                """
                the exact Fisher needs one prediction per example, N x classes: the output has shape \(values.shape); \
                use fisher .monteCarlo
                """)
        }
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

    private func weight(_ reduction: LossReduction, _ count: Int) -> Double {
        reduction == .mean ? 1 / Double(count) : 1
    }

    /// The root of the squares' second derivative with respect to one number, for one prediction.
    private func gaussianSlope(_ reduction: LossReduction, _ features: Int) -> Double {
        (reduction == .mean ? 2 / Double(features) : 2).squareRoot()
    }

    private func uniform(like tensor: Tensor) -> Tensor {
        // Above 0: its logarithm is taken.
        Tensor.uniform(tensor.shape, from: 1e-20, device: tensor.device).to(tensor.dtype)
    }

    private func classIndices(like tensor: Tensor) -> Tensor {
        Tensor.arange(0..<tensor.size(-1), device: tensor.device)
    }
}
