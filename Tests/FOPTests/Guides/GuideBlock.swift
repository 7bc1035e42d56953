// The block of Documentation/add-a-block.md, word for word: `GuideTests` compares them.

import FOP
import FOPCore
import Torch

/// F = c I, where c is the mean square of the elements of the mean gradient.
final class IsotropicBlock: GeometricBlock {
    let geometry: any LayerGeometry
    private var c: Tensor?
    private var damped: Tensor?
    private var means: [Tensor] = []

    init(_ geometry: any LayerGeometry) { self.geometry = geometry }

    func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) { (1, 1) }
    func accumulate(_ record: LayerRecord, as use: RecordUse) {
        let mean = gradient(record) * (1 / Double(record.examples))
        let before = use == .anotherCall ? means.popLast() : nil
        means.append(before.map { $0 + mean } ?? mean)
    }
    func takeStatistics(gradientScale: Double) -> [Tensor] {
        defer { means = [] }
        let squares = means.map { $0.squared().mean() }
        return squares.isEmpty ? [] : [Tensor.stacked(squares).mean() * (gradientScale * gradientScale)]
    }
    var statisticsShapes: [[Int]] { [[]] }

    func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor) {
        guard let new = statistics.first else { return }
        let old = c ?? new
        c = Tensor.select(isFinite, old * decay + new * (1 - decay), c ?? new.zerosLike())
    }

    var isReady: Bool { damped != nil }
    func updateInverse(damping: Double) -> [InverseOutcome] {
        // Some damping always, so that zero gradients do not divide by zero.
        damped = c.map { $0 + max(damping, 1e-12) }
        return [.cholesky]
    }

    func fisherProduct(_ matrix: Tensor) -> Tensor { c.map { matrix * $0 } ?? matrix }
    func dampedProduct(_ matrix: Tensor) -> Tensor { damped.map { matrix * $0 } ?? matrix }
    func precondition(_ matrix: Tensor) -> Tensor { damped.map { matrix / $0 } ?? matrix }

    var factorShapes: [[Int]] { [[1]] }
    var state: [String: Tensor] { ["c": c, "damped": damped].compactMapValues { $0 } }
    var stateShapes: [String: [Int]] { ["c": [], "damped": []] }
    func load(_ state: [String: Tensor]) {
        c = state["c"]?.cloned()
        damped = state["damped"]?.cloned()
    }
}

/// An optimizer whose linear layers have that block.
func guideBlockOptimizer(_ model: Module) throws -> FOP {
    var options = FOPOptions()
    options.blocks.register(Linear.self) { layer in
        .block("isotropic", parameters: [layer.weight, layer.bias].compactMap { $0 }) {
            IsotropicBlock(
                LinearGeometry(
                    outputs: layer.weight.shape[0], features: layer.weight.shape[1], hasBias: layer.bias != nil))
        }
    }
    let optimizer = try FOP(model, learningRate: 0.1, options: options)
    print(optimizer.coverage)
    return optimizer
}
