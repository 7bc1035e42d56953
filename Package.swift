// swift-tools-version: 6.1
// LibTorch is found by pkg-config: `make setup` unpacks it into .cache/libtorch and writes libtorch.pc there;
// the Makefile sets PKG_CONFIG_PATH and the run path (see CONTRIBUTING.md).
import PackageDescription

let package = Package(
    name: "fop",
    products: [
        .library(name: "FOP", targets: ["FOP"]),
        .library(name: "Torch", targets: ["Torch"]),
        .library(name: "Datasets", targets: ["Datasets"]),
        .library(name: "Models", targets: ["Models"]),
        // What the pip wheel loads: torch.ops.fop.*, on the stable ABI alone (`make wheel`).
        .library(name: "FOPExports", type: .dynamic, targets: ["FOPExports"]),
        .executable(name: "fop", targets: ["fop"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        // LibTorch's C ABI, by headers of our own; no logic.
        .systemLibrary(name: "CTorch", pkgConfig: "libtorch"),
        // C++ behind extern "C": what the stable ABI lacks. No mathematics.
        .target(name: "CTorchShim", dependencies: ["CTorch"]),
        // Tensors and operators over the stable ABI alone: also what the pip wheel is made of.
        .target(name: "TorchCore", dependencies: ["CTorch"]),
        // The optimizer's mathematics, over TorchCore alone.
        .target(name: "FOPCore", dependencies: ["TorchCore"]),
        // FOPCore as operators of the dispatcher, registered when the library is loaded. The C part is what Swift cannot do:
        // run at load time, have one function per operator, and raise torch's own errors.
        .target(name: "CFOPExports"),
        .target(name: "FOPExports", dependencies: ["FOPCore", "TorchCore", "CTorch", "CFOPExports"]),
        // Autograd, generators, layers, losses, checkpoints.
        .target(name: "Torch", dependencies: ["TorchCore", "CTorchShim"]),
        // The optimizers for models made of Torch layers.
        .target(name: "FOP", dependencies: ["Torch", "FOPCore"]),
        .target(name: "Datasets", dependencies: ["Torch"]),
        .target(name: "Models", dependencies: ["Torch"]),
        // What `fop train` does besides reading its command line: settings, loop, checkpoints, files of a run.
        .target(
            name: "Training",
            dependencies: ["FOP", "FOPCore", "Datasets", "Models", .product(name: "Logging", package: "swift-log")]),
        .executableTarget(
            name: "fop",
            dependencies: [
                "Training", "Datasets", "FOPCore", "Models", "Torch",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(name: "TestSupport", dependencies: ["FOPCore", "Torch"], path: "Tests/TestSupport"),
        // The algorithm again, slow and dense, in plain Swift: what FOPCore and FOP are compared with. Depends on nothing.
        .target(name: "DenseReference", path: "Tests/DenseReference"),
        .target(
            name: "DenseComparison", dependencies: ["DenseReference", "FOPCore", "Torch", "TestSupport"],
            path: "Tests/DenseComparison"),
        .testTarget(name: "TorchCoreTests", dependencies: ["TorchCore", "TestSupport"]),
        .testTarget(name: "TorchTests", dependencies: ["Torch", "TestSupport"]),
        .testTarget(
            name: "FOPCoreTests",
            dependencies: ["FOPCore", "Torch", "TestSupport", "DenseReference", "DenseComparison"]),
        .testTarget(
            name: "FOPTests", dependencies: ["FOP", "Models", "TestSupport", "DenseReference", "DenseComparison"]),
        .testTarget(name: "DatasetsTests", dependencies: ["Datasets", "TestSupport"]),
        .testTarget(name: "ModelsTests", dependencies: ["Models", "TestSupport"]),
        .testTarget(name: "TrainingTests", dependencies: ["Training", "TestSupport"]),
        .testTarget(name: "FOPIntegrationTests", dependencies: ["fop", "Training", "TestSupport"]),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx20
)
