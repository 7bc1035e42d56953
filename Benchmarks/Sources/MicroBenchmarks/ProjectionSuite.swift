import Benchmark
import FOPCore
import Torch

/// The Fisher-orthogonal projection of a layer's sub-batch gradients (section 3 of the algorithm).
func projectionSuite() -> BenchmarkSuite {
    BenchmarkSuite(name: "projection") { suite in
        for width in [64, 144, 576] {
            let layer = LayerCase.linear(width, width / 4, examples: 2 * width)
            layer.updateFactors()
            _ = layer.block.updateInverse(damping: 1e-2)
            for parts in [2, 4] {
                let gradients = (0..<parts).map { _ in random(layer.block.shape) }
                suite.benchmark("\(width / 4) x \(width + 1), k = \(parts)") {
                    _ = projectFisherOrthogonally(
                        gradients, metric: layer.block.fisherProduct, preconditioner: layer.block.precondition)
                }
            }
        }
    }
}
