import Datasets
import Glibc
import Models
import Torch

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What `fop info` says: versions, devices, threads, and where things are.
public struct SystemReport: Codable, Equatable, Sendable {
    /// A name that can be chosen, and what it is.
    public struct Choice: Codable, Equatable, Sendable {
        public var name, summary: String
    }

    /// A folder, and what is in it.
    public struct Folder: Codable, Equatable, Sendable {
        public var path: String
        /// The files that are missing; empty where the data is complete.
        public var missing: [String]

        public init(path: String, missing: [String]) {
            self.path = path
            self.missing = missing
        }
    }

    /// The versions of this package and of LibTorch.
    public var fop, libtorch: String
    /// The processor's name, and how many of its cores this process may use.
    public var processor: String
    public var cores: Int
    /// How many CUDA devices LibTorch reaches.
    public var cudaDevices: Int
    /// How many threads operators use where nothing else is asked for.
    public var threads: Int
    /// How freed memory is dealt with.
    public var allocator: String
    /// Where `make` keeps what it fetches.
    public var cache: String
    /// The folders that are looked in for Fashion-MNIST, in that order.
    public var dataFolders: [Folder]
    /// The names that `fop train` knows.
    public var models, datasets, optimizers: [Choice]

    /// Looks.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
        fop = FOPVersion.current
        libtorch = TorchRuntime.version
        processor = Self.processor
        cores = ProcessInfo.processInfo.activeProcessorCount
        cudaDevices = TorchRuntime.cudaDeviceCount
        threads = TorchRuntime.threadCount
        allocator =
            environment["FOP_ALLOCATOR"] == "system"
            ? "as the system has it (FOP_ALLOCATOR=system)"
            : "keeps freed memory for the next step (FOP_ALLOCATOR=system leaves it to the system)"
        cache = absolutePath(environment["FOP_CACHE"].flatMap { $0.isEmpty ? nil : $0 } ?? ".cache")
        dataFolders = FashionMNIST.searchPath(environment: environment).map { path in
            let missing = FashionMNIST.fileNames.filter { name in
                ["", ".gz"].allSatisfy { access("\(path)/\(name)\($0)", R_OK) != 0 }
            }
            return Folder(path: absolutePath(path), missing: missing)
        }
        let registry = ModelRegistry.standard
        models = registry.names.map { Choice(name: $0, summary: registry.summary(of: $0) ?? "") }
        datasets = DatasetKind.allCases.map { Choice(name: $0.rawValue, summary: $0.summary) }
        optimizers = OptimizerKind.allCases.map { Choice(name: $0.rawValue, summary: $0.summary) }
    }

    /// LibTorch's version.
    public static var libtorchVersion: String { TorchRuntime.version }

    /// The processor's name as the system tells it.
    public static let processor: String = {
        guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else { return "unknown" }
        let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
        guard let name = line?.split(separator: ":", maxSplits: 1).last else { return "unknown" }
        return name.split(separator: " ").joined(separator: " ")
    }()
}

extension DatasetKind {
    /// A few words for listings.
    public var summary: String {
        switch self {
        case .fashionMNIST: "70,000 grey images of clothes, 28 x 28, from files"
        case .shapes: "grey images of ten shapes, 28 x 28, made on the fly"
        }
    }
}

/// The path from the root, without going through links.
func absolutePath(_ path: String) -> String {
    guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
    defer { free(folder) }
    return String(cString: folder) + "/" + path
}
