import FOP
import Torch

extension OptimizerSettings {
    /// The optimizer for a model.
    /// - Throws: ``TorchCore/TorchError/invalidValue(_:)``.
    public func makeOptimizer(for model: Module) throws -> any Optimizer {
        switch kind {
        case .fop, .kfac:
            var options = FOPOptions()
            options.momentum = momentum
            options.weightDecay = weightDecay
            options.curvature = (curvature ?? CurvatureSettings(for: kind)).configuration
            return try FOP(model, learningRate: learningRate, options: options)
        case .sgd:
            return try SGD(model, learningRate: learningRate, momentum: momentum, weightDecay: weightDecay)
        case .adamw:
            return try AdamW(
                model, learningRate: learningRate, betas: (momentum, 0.999), weightDecay: weightDecay)
        }
    }
}
