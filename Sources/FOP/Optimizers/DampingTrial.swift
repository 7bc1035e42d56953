import FOPCore
import Torch

/// Compares what a step does to the loss with what the quadratic model says: made before the step, asked after it.
struct DampingTrial {
    private let rule: AdaptiveDamping
    private let layers: [LayerBlock]
    private let preconditioner: FisherPreconditioner
    private let fallback: FallbackUpdate
    private let before: [ObjectIdentifier: Tensor]

    /// Copies the parameters.
    init(
        _ rule: AdaptiveDamping, layers: [LayerBlock], preconditioner: FisherPreconditioner, fallback: FallbackUpdate
    ) {
        self.rule = rule
        self.layers = layers
        self.preconditioner = preconditioner
        // Its gradients, which the step lets go of.
        self.fallback = fallback
        let parameters = layers.flatMap(\.parameters).map(\.parameter) + fallback.parameters.map(\.parameter)
        before = Dictionary(
            uniqueKeysWithValues: parameters.map { (ObjectIdentifier($0), $0.value.detached().cloned()) })
    }

    /// The next steps' damping.
    func damping(after: Tensor, before: Tensor) -> Double {
        let changes = layers.map { layer in layer.parameters.map { change($0.parameter) } }
        let terms = [preconditioner.predictedChange(changes), fallback.predictedChange(change)].compactMap { $0 }
        let predicted = terms.reduce(0) { $0 + $1.item(as: Double.self) }
        let actual = after.item(as: Double.self) - before.item(as: Double.self)
        return rule.next(preconditioner.currentDamping, actual: actual, predicted: predicted)
    }

    private func change(_ parameter: Parameter) -> Tensor {
        parameter.value.detached() - before[ObjectIdentifier(parameter)]!
    }
}
