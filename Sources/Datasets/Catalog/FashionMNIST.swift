import Torch

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Fashion-MNIST (Xiao, Rasul and Vollgraf, 2017): 60,000 + 10,000 grey images of clothes, 28 x 28, in 10 classes.
///
/// Any set in its file format will do, such as MNIST or an excerpt: the number of examples is free.
public enum FashionMNIST {
    /// The name of each class, in the order of the labels.
    public static let classNames = [
        "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ]

    /// Mean and deviation of the training images.
    public static var normalization: Normalization {
        get throws { try Normalization(mean: [0.2860], standardDeviation: [0.3530]) }
    }

    /// The files' names without `.gz`.
    public static let fileNames = [
        "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
    ]

    /// Reads the four IDX files, each plain or as `.gz` (plain if both are there).
    /// - Parameter directory: their folder; nil looks where ``findDirectory(explicit:environment:)`` says.
    /// - Throws: ``DatasetError`` naming the file, what was expected and found.
    public static func load(directory: String? = nil) throws -> (train: ImageDataset, test: ImageDataset) {
        let directory = try findDirectory(explicit: directory)
        return (
            train: try load("train", images: fileNames[0], labels: fileNames[1], directory),
            test: try load("test", images: fileNames[2], labels: fileNames[3], directory)
        )
    }

    /// The folder to read: `explicit`, or FOP_DATA, and otherwise the first with all the files of `fashion-mnist` in
    /// the cache (FOP_CACHE/data, by default .cache/data under the current folder) and
    /// /usr/share/datasets/fashion-mnist.
    ///
    /// A folder that was named is the only one looked in: other data in its place would be a surprise.
    /// - Throws: ``DatasetError/filesNotFound(dataset:missing:directories:)``.
    public static func findDirectory(
        explicit: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> String {
        let directories = searchPath(explicit: explicit, environment: environment)
        if let complete = directories.first(where: { missingFiles(in: $0).isEmpty }) { return complete }
        // The fullest folder tells best what is missing.
        let missing = directories.map(missingFiles).min { $0.count < $1.count } ?? fileNames
        throw DatasetError.filesNotFound(dataset: "Fashion-MNIST", missing: missing, directories: directories)
    }

    /// Where ``findDirectory(explicit:environment:)`` looks, in that order.
    public static func searchPath(
        explicit: String? = nil, environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> [String] {
        if let named = [explicit, environment["FOP_DATA"]].compactMap(\.self).first(where: { !$0.isEmpty }) {
            return [named]
        }
        let cache = environment["FOP_CACHE"].flatMap { $0.isEmpty ? nil : $0 } ?? ".cache"
        return ["\(cache)/data/fashion-mnist", "/usr/share/datasets/fashion-mnist"]
    }

    private static func load(
        _ part: String, images imagesName: String, labels labelsName: String, _ directory: String
    ) throws -> ImageDataset {
        // Called after `findDirectory`: both files are there unless someone removes them now, which reading reports.
        let imagesPath = path(of: imagesName, in: directory) ?? "\(directory)/\(imagesName)"
        let labelsPath = path(of: labelsName, in: directory) ?? "\(directory)/\(labelsName)"
        let labels = try IDXFile(path: labelsPath, rank: 1)
        let images = try IDXFile(path: imagesPath, rank: 3)
        guard images.shape[0] > 0, images.shape[1...] == [28, 28] else {
            throw DatasetError.wrongDimensions(
                path: imagesPath, expected: "one or more images of 28 x 28", found: images.shape)
        }
        TorchRuntime.start()
        return try ImageDataset(
            name: "fashion-mnist/\(part)", images: Tensor(images.bytes, shape: [images.shape[0], 1, 28, 28]),
            labels: Tensor(labels.bytes.map { Int64($0) }), classNames: classNames, normalization: normalization,
            imagesSource: imagesPath, labelsSource: labelsPath)
    }

    private static func path(of name: String, in directory: String) -> String? {
        ["\(directory)/\(name)", "\(directory)/\(name).gz"].first { FileManager.default.fileExists(atPath: $0) }
    }

    private static func missingFiles(in directory: String) -> [String] {
        fileNames.filter { path(of: $0, in: directory) == nil }
    }
}
