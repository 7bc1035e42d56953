/// What can be wrong with a data set, its files or the way it is asked for.
///
/// `description` is one sentence that names the file or value, what was expected and found, and what to do.
public enum DatasetError: Error, Equatable, Sendable {
    /// There is no such file.
    case missingFile(path: String)
    /// The file is there and cannot be read. `reason` is the system's.
    case unreadableFile(path: String, reason: String)
    /// The first bytes are not those of the IDX file that was expected.
    case notIDX(path: String, expected: String, found: String)
    /// An IDX file whose dimensions are not those that were expected.
    case wrongDimensions(path: String, expected: String, found: [Int])
    /// Fewer bytes, after decompression, than the header announces.
    case truncated(path: String, expectedBytes: Int, foundBytes: Int)
    /// More bytes, after decompression, than the header announces.
    case excessBytes(path: String, expectedBytes: Int)
    /// A gzip file that zlib refuses: damaged data or a wrong checksum.
    case corruptGzip(path: String, reason: String)
    /// A gzip file, and no zlib on this machine.
    case zlibMissing(path: String, libraries: [String])
    /// A label that no class has. `source` is the file or set that holds it.
    case labelOutOfRange(source: String, position: Int, label: Int, classCount: Int)
    /// Not one label per image.
    case countsDiffer(images: String, imageCount: Int, labels: String, labelCount: Int)
    /// A data set of which files are missing in every folder that was looked in.
    case filesNotFound(dataset: String, missing: [String], directories: [String])
    /// A name that no data set has.
    case unknownDataset(name: String, legal: [String])
    /// A setting outside its range.
    case invalidValue(name: String, value: String, legal: String)
}

extension DatasetError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .missingFile(let path):
            "\(path): there is no such file; check the path, or fetch the data with `make data`"
        case .unreadableFile(let path, let reason):
            "\(path): cannot be read (\(reason)); a readable file was expected: check its permissions and type"
        case .notIDX(let path, let expected, let found):
            "\(path): not the IDX file that was expected: it should begin with \(expected) and begins with \(found); "
                + "\(Self.replaceIt)"
        case .wrongDimensions(let path, let expected, let found):
            "\(path): \(expected) expected, found the dimensions \(Self.product(found)); "
                + "check that the file belongs to this data set and was not renamed"
        case .truncated(let path, let expected, let found):
            "\(path): truncated: \(expected) bytes expected, \(found) found; \(Self.replaceIt)"
        case .excessBytes(let path, let expected):
            "\(path): \(expected) bytes expected after its header, more found; \(Self.replaceIt)"
        case .corruptGzip(let path, let reason):
            "\(path): corrupt: gzip data with a correct checksum expected, zlib found \"\(reason)\"; \(Self.replaceIt)"
        case .zlibMissing(let path, let libraries):
            "\(path): gzip data, and zlib was not found as \(libraries.joined(separator: " or ")); "
                + "install zlib, or unpack the file with gunzip"
        case .labelOutOfRange(let source, let position, let label, let classCount):
            "\(source): label \(label) at position \(position), labels from 0 to \(classCount - 1) expected; "
                + "check that the file belongs to this data set"
        case .countsDiffer(let images, let imageCount, let labels, let labelCount):
            "\(labels): \(imageCount) labels expected, one for each image of \(images), \(labelCount) found; "
                + "take both files from the same source"
        case .filesNotFound(let dataset, let missing, let directories):
            "\(dataset): looked in \(directories.joined(separator: ", ")) for four IDX files, plain or .gz, and did "
                + "not find \(missing.joined(separator: ", ")); "
                + "fetch them with `make data`, or name the folder that holds them"
        case .unknownDataset(let name, let legal):
            "there is no data set '\(name)': use \(legal.joined(separator: " or "))"
        case .invalidValue(let name, let value, let legal):
            "\(name) is \(value): use \(legal)"
        }
    }

    private static let replaceIt = "replace it by a good copy (delete it and run `make data` for Fashion-MNIST)"

    private static func product(_ shape: [Int]) -> String {
        shape.map(String.init).joined(separator: " x ")
    }
}
