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

    private var family: PredictionFamily {
        switch self {
        case .categorical: .categorical
        case .bernoulli: .bernoulli
        case .gaussian: .gaussian
        }
    }

    /// Derivatives of the batch's loss with respect to the output for labels drawn from the predictions.
    func sampled(_ reduction: LossReduction) -> Tensor {
        let (shape, device) = (output.shape, output.device)
        let noise = family.drawsNormally ? Tensor.normal(shape, device: device) : Tensor.uniform(shape, device: device)
        return family.sampledGradient(output: output, noise: noise, reduction: reduction)
    }

    /// The columns of a square root of the loss's Hessian with respect to the output, one tensor of the output's shape
    /// each.
    /// - Throws: ``TorchError/invalidValue(_:)`` for more than one prediction per example.
    func exact(_ reduction: LossReduction) throws -> [Tensor] {
        guard output.rank == 2 else {
            throw TorchError.invalidValue(
                """
                the exact Fisher needs one prediction per example, N x classes: the output has shape \(output.shape); \
                use fisher .monteCarlo
                """)
        }
        return family.hessianRoot(output: output, reduction: reduction)
    }
}
