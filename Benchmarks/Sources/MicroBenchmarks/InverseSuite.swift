import Benchmark

/// Damping and inverting both factors of a layer.
func inverseSuite() -> BenchmarkSuite {
    BenchmarkSuite(name: "inverse") { suite in
        for width in [64, 144, 288, 576, 1152] {
            let layer = LayerCase.linear(width, width / 4, examples: 2 * width)
            layer.updateFactors()
            suite.benchmark("\(width + 1) and \(width / 4)") { _ = layer.block.updateInverse(damping: 1e-2) }
        }
    }
}
