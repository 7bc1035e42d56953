// swift-tools-version: 6.1
// What measures the package: a package of its own, so that nobody who uses fop builds it.
// Build it by `make bench` or `make bench-micro`, or with PKG_CONFIG_PATH set as CONTRIBUTING.md describes.
import PackageDescription

let package = Package(
    name: "fop-benchmarks",
    dependencies: [
        .package(name: "fop", path: ".."),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/google/swift-benchmark", from: "0.1.2"),
    ],
    targets: [
        // One contender on one model for a few steps, in a process of its own: what driver/ starts.
        .executableTarget(
            name: "BenchmarkWorker",
            dependencies: [
                .product(name: "FOP", package: "fop"), .product(name: "Torch", package: "fop"),
                .product(name: "Models", package: "fop"), .product(name: "Datasets", package: "fop"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        // Single operations: operator calls, factors, inverses, the projection.
        .executableTarget(
            name: "MicroBenchmarks",
            dependencies: [
                .product(name: "FOP", package: "fop"), .product(name: "Torch", package: "fop"),
                .product(name: "Benchmark", package: "swift-benchmark"),
            ]),
    ],
    swiftLanguageModes: [.v6]
)
