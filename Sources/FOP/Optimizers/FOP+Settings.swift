import FOPCore
import Torch

/// What can be asked and changed between steps.
extension FOP {
    /// The learning rate of the parameters in no group. Assigning it changes those of the groups in proportion to what
    /// they were at the start.
    public var learningRate: Double {
        get { grouping.rates.base }
        set { grouping.rates.base = newValue }
    }

    /// The learning rate of the parameters in no group, then that of each group.
    public var learningRates: [Double] {
        get { grouping.rates.current }
        set {
            precondition(newValue.count == grouping.settings.count, "\(grouping.settings.count) learning rates expected")
            grouping.rates.current = newValue
        }
    }

    /// How many steps changed the parameters.
    public var stepCount: Int { counter.applied }
    /// How many steps were left out because loss, gradients or statistics were not finite.
    public var skippedStepCount: Int { counter.skipped }
    /// How the factors' inverses were obtained so far: anything but Cholesky asks for more damping.
    public var inverseOutcomes: [InverseOutcome: Int] { preconditioner.inverseOutcomes }

    /// The damping of the next step. Assign it to change it by a rule of your own.
    public var damping: Double {
        get { preconditioner.currentDamping }
        set { preconditioner.damping = newValue }
    }

    /// What the last step found for each layer: s, beta, eta, the terms of the KL norm, the gradient noise scale. Reading
    /// it waits for the device; nothing does before. Nil before the first step.
    public var diagnostics: StepDiagnostics? { preconditioner.diagnostics }

    /// The names of the layers that ``diagnostics`` numbers.
    public var layerNames: [String] { layers.map(\.name) }

    /// Whether ``diagnostics`` has the gradient noise scale: two more inner products per layer and step. Several
    /// processes with `beta: .zero` (K-FAC) compare no gradients, and have none.
    public var measuresGradientNoise: Bool {
        get { preconditioner.measuresNoise }
        set { preconditioner.measuresNoise = newValue }
    }
}

extension FOP: GradientClipping {
    /// Everything gathered; with several processes the means over them.
    private var gradients: [Tensor] {
        guard processes.processes > 1, let like = layers.first?.parameters.first?.parameter.value else {
            return preconditioner.gatheredGradients + fallback.means(over: processes, lossScale: lossScale)
        }
        return preconditioner.meanGatheredGradients(like: like)
            + fallback.means(over: processes, lossScale: lossScale)
    }

    @discardableResult public func clipGradientNorm(maximum: Double) throws -> Tensor {
        try checkClippingMaximum(maximum)
        return withoutGradients {
            guard let norm = totalNorm(gradients) else {
                return Tensor.zeros([], dtype: .float64)
            }
            let factor = clippingFactor(norm: norm, maximum: maximum)
            preconditioner.scaleGradients(by: factor)
            fallback.scale(by: factor)
            return norm
        }
    }
}
