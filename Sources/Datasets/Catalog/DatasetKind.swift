/// The data sets that can be chosen by name.
public enum DatasetKind: String, CaseIterable, Sendable {
    /// ``FashionMNIST``, from files.
    case fashionMNIST = "fashion-mnist"
    /// ``Shapes``, made on the fly: needs no files.
    case shapes

    /// - Throws: ``DatasetError/unknownDataset(name:legal:)``, which lists the names.
    public init(name: String) throws {
        guard let kind = DatasetKind(rawValue: name) else {
            throw DatasetError.unknownDataset(name: name, legal: DatasetKind.allCases.map(\.rawValue))
        }
        self = kind
    }

    /// The training and test images.
    /// - Parameters:
    ///   - directory: where the files are; nil looks where ``FashionMNIST/findDirectory(explicit:environment:)`` says.
    ///     ``shapes`` has none.
    ///   - seed: what ``shapes`` are made from (default 0). Files ignore it.
    /// - Throws: ``DatasetError``.
    public func load(directory: String? = nil, seed: UInt64 = 0) throws -> (train: ImageDataset, test: ImageDataset) {
        switch self {
        case .fashionMNIST: try FashionMNIST.load(directory: directory)
        case .shapes: try Shapes(seed: seed).generate()
        }
    }
}
