import Benchmark

/// One update of a layer's factors from all examples given, averages included.
func factorSuite() -> BenchmarkSuite {
    BenchmarkSuite(name: "factors") { suite in
        let cases: [LayerCase] = [
            .linear(64, 64, examples: 512), .linear(512, 512, examples: 512), .linear(1024, 1024, examples: 512),
            .convolution(16, 16, kernel: 3, size: 14, examples: 512),
            .convolution(32, 32, kernel: 3, size: 7, examples: 512),
            .convolution(64, 64, kernel: 3, size: 4, examples: 512),
            .convolution(64, 64, kernel: 3, size: 16, examples: 64),
            .convolution(16, 32, kernel: 3, stride: 2, size: 14, examples: 512),
            .convolution(16, 32, kernel: 1, stride: 2, size: 14, examples: 512),
            .batchNorm(16, size: 14, examples: 512), .layerNorm(64, tokens: 49, examples: 256),
        ]
        for layer in cases { suite.benchmark(layer.name) { layer.updateFactors() } }
    }
}
