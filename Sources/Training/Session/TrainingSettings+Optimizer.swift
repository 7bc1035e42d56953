import FOP
import FOPCore
import Torch

extension TrainingSettings {
    /// The optimizer for a model.
    /// - Parameter steps: how many steps the run has, for damping that changes over it.
    /// - Throws: ``TorchCore/TorchError/invalidValue(_:)``.
    public func makeOptimizer(for model: Module, steps: Int) throws -> any Optimizer {
        let rate = scaledLearningRate
        let settings = optimizer
        func limited<Rule>(_ optimizer: GradientOptimizer<Rule>) -> any Optimizer {
            optimizer.maximumSkippedSteps = maximumSkippedSteps
            return optimizer
        }
        switch settings.kind {
        case .fop, .kfac:
            return try FOP(model, learningRate: rate, options: fopOptions(steps: steps))
        case .sgd:
            return limited(
                try SGD(
                    model, learningRate: rate, momentum: settings.momentum, weightDecay: settings.weightDecay,
                    nesterov: settings.nesterov ?? false))
        case .adamw:
            return limited(
                try AdamW(
                    model, learningRate: rate, betas: settings.betas, epsilon: settings.epsilon ?? 1e-8,
                    weightDecay: settings.weightDecay))
        case .lamb:
            return limited(
                try LAMB(
                    model, learningRate: rate, betas: settings.betas, epsilon: settings.epsilon ?? 1e-6,
                    weightDecay: settings.weightDecay))
        case .shampoo:
            let shampoo = try Shampoo(
                model, learningRate: rate, betas: settings.betas, weightDecay: settings.weightDecay,
                grafting: (settings.grafting ?? .sgd).grafting, interval: settings.matrixInterval ?? 20)
            shampoo.rule.nesterov = settings.nesterov ?? true
            return limited(shampoo)
        case .soap:
            return limited(
                try SOAP(
                    model, learningRate: rate, betas: settings.betas, epsilon: settings.epsilon ?? 1e-8,
                    weightDecay: settings.weightDecay, interval: settings.matrixInterval ?? 10))
        case .muon:
            let others = (settings.adamWLearningRate ?? settings.learningRate) * settings.batchScale(batchSize)
            let muon = try Muon(
                model, learningRate: rate, momentum: settings.momentum, weightDecay: settings.weightDecay,
                adamWLearningRate: others, groups: muonGroups(model))
            muon.rule.nesterov = settings.nesterov ?? true
            return limited(muon)
        }
    }

    private func fopOptions(steps: Int) -> FOPOptions {
        let settings = optimizer.curvature ?? CurvatureSettings(for: optimizer.kind)
        var options = FOPOptions()
        options.momentum = optimizer.momentum
        options.weightDecay = optimizer.weightDecay
        options.maximumSkippedSteps = maximumSkippedSteps
        options.curvature = settings.configuration(steps: steps, batchSize: batchSize)
        options.fallback = settings.fallbackOptions(isTransformer: model == "vit")
        return options
    }

    /// The classifier, and what looks like a matrix and is none, such as learned positions, get AdamW.
    private func muonGroups(_ model: Module) -> [ParameterGroup<MuonRule>] {
        let modules = model.namedModules.map(\.module)
        let classifier = modules.last { $0 is Linear }
        let others = modules.filter { $0 === classifier || !($0 is Linear || $0 is Convolution) }
            .flatMap(\.ownParameters).map(\.parameter).filter { $0.shape.count >= 2 }
        return others.isEmpty ? [] : [ParameterGroup(others) { $0.usesAdamW = true }]
    }
}

extension OptimizerSettings {
    fileprivate var betas: (Double, Double) { (momentum, secondBeta ?? 0.999) }
}

extension GraftingChoice {
    fileprivate var grafting: Grafting {
        switch self {
        case .none: .none
        case .sgd: .sgd
        case .adagrad: .adaGrad
        case .rmsprop: .rmsProp
        }
    }
}
