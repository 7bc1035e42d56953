import ArgumentParser
import FOP
import FOPCore
import Torch

/// The optimizers of this package that are compared.
enum Contender: String, CaseIterable, ExpressibleByArgument {
    case sgd, adamw, kfac
    case fop2 = "fop-2"
    /// The same with the curvature's update spread over the steps of an interval.
    case fop2Staggered = "fop-2-staggered"
    case fop4 = "fop-4"

    /// Whether the curvature is updated at one step of an interval, which takes longer than the others.
    var hasCurvatureSteps: Bool { [.kfac, .fop2, .fop4].contains(self) }

    /// With learning rates that keep the loss finite for the few steps of a measurement.
    /// - Parameters:
    ///   - interval: steps from one update of curvature and inverses to the next.
    ///   - learningRate: SGD's.
    func makeOptimizer(for model: Module, interval: Int, learningRate: Double) throws -> any Optimizer {
        switch self {
        case .sgd: try SGD(model, learningRate: learningRate, momentum: 0.9)
        case .adamw: try AdamW(model, learningRate: 1e-3)
        case .kfac: try FOP(model, learningRate: 0.01, options: options(interval) { $0.beta = .zero })
        case .fop2: try FOP(model, learningRate: 0.01, options: options(interval))
        case .fop2Staggered:
            try FOP(model, learningRate: 0.01, options: options(interval) { $0.staggersCurvature = true })
        case .fop4: try FOP(model, learningRate: 0.01, options: options(interval) { $0.subBatches = 4 })
        }
    }

    private func options(
        _ interval: Int, _ change: (inout CurvatureConfiguration) -> Void = { _ in }
    ) -> FOPOptions {
        var options = FOPOptions()
        options.curvature.factorInterval = .every(interval)
        options.curvature.inverseInterval = .every(interval)
        change(&options.curvature)
        return options
    }
}
