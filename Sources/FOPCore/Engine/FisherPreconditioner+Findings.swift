import TorchCore

/// What a step found.
extension FisherPreconditioner {
    /// What the last step found for each block; nil for blocks that nothing passed through.
    public var lastScalars: [ProjectionScalars?] {
        var scalars = [ProjectionScalars?](repeating: nil, count: blocks.count)
        for part in findings?.parts ?? [] {
            for (place, index) in part.blocks.enumerated() { scalars[index] = part.scalars.layer(place) }
        }
        return scalars
    }

    /// What the last step found, as numbers: waits for the device. Nil before the first step.
    public var diagnostics: StepDiagnostics? { findings?.read() }

    func measureNoise(_ gradients: [BlockGradients], examples: Int?, isFinite: Tensor) {
        guard measuresNoise, let parts = gradients.map(\.tensors.rows).min(), parts > 1 else { return }
        func square(_ tensors: (BlockGradients) -> LayerTensors) -> Tensor {
            Tensor.stacked(gradients.map { tensors($0).matrix }.map { $0.inner($0) }).sum()
        }
        let subBatchSquare = square(\.tensors) * (1 / Double(parts))
        let batchSquare = square { $0.tensors.mean() }
        let batch = Double(examples ?? gathering.examples * reduction.processes)
        noise.update(
            subBatchSquare: subBatchSquare, batchSquare: batchSquare, batch: batch, subBatch: batch / Double(parts),
            isFinite: isFinite)
    }

    func keepFindings(
        _ parts: [(blocks: [Int], steps: ProjectedSteps)], _ gradients: [BlockGradients], learningRates: [Double],
        scale: Tensor?
    ) {
        findings = StepFindings(
            parts: parts.map { ($0.blocks, $0.steps.scalars) }, learningRates: learningRates, damping: currentDamping,
            trustRegionScale: scale, noise: noise.estimate)
        averages = blocks.map { _ in nil }
        guard case .adaptive = configuration.dampingPolicy else { return }
        for part in gradients {
            // Of one sub-batch and one block they can be the caller's own gradient, which he is free to change.
            let means = part.tensors.rows == 1 ? part.tensors.parts().map { $0.cloned() } : part.tensors.mean().parts()
            for (index, average) in zip(part.blocks, means) { averages[index] = average }
        }
    }

    /// What the quadratic model says that a change of the parameters did to the loss, `<g, delta> + 1/2 <delta, F delta>`,
    /// at the last step's gradients. With adaptive damping only.
    /// - Parameter changes: of each block's parameters; nil for none.
    public func predictedChange(_ changes: [[Tensor]?]) -> Tensor? {
        let terms = zip(zip(blocks, averages), changes).compactMap { pair, change -> Tensor? in
            guard let average = pair.1, let change else { return nil }
            let delta = pair.0.pack(change).toFactorPrecision()
            return average.inner(delta) + delta.inner(pair.0.fisherProduct(delta)) * 0.5
        }
        return terms.isEmpty ? nil : Tensor.stacked(terms).sum()
    }
}
