// swift-tools-version: 6.1
// A package of its own that depends on fop as yours would (yours: .package(url: …, from: …) instead of a path).
// Build it with PKG_CONFIG_PATH set as CONTRIBUTING.md describes, or by `make test-examples`.
import PackageDescription

let package = Package(
    name: "Quickstart",
    dependencies: [.package(name: "fop", path: "../..")],
    targets: [
        .executableTarget(
            name: "Quickstart",
            dependencies: [.product(name: "FOP", package: "fop"), .product(name: "Datasets", package: "fop")])
    ],
    swiftLanguageModes: [.v6]
)
