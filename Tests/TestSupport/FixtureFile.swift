import Torch

/// Reference numbers in Tests/Fixtures: a safetensors file written by a committed Python script.
public struct FixtureFile {
    /// Where it is.
    public let path: String
    /// The tensors by name.
    public let tensors: [String: Tensor]
    /// Versions, seed and settings as the script noted them.
    public let metadata: [String: String]

    /// - Parameter name: the path below Tests/Fixtures, with its `.safetensors`.
    /// - Throws: ``TorchError/file(path:message:)`` when it is missing or broken.
    public init(_ name: String) throws {
        path = FixtureFile.directory + "/" + name
        (tensors, metadata) = try SafetensorsFile.read(path)
    }

    /// The tensor of that name.
    /// - Throws: ``TorchError/file(path:message:)`` with the names that there are.
    public func tensor(_ name: String) throws -> Tensor {
        guard let tensor = tensors[name] else {
            throw TorchError.file(path: path, message: "no tensor '\(name)'; there are \(tensors.keys.sorted())")
        }
        return tensor
    }

    /// The tensors whose names begin with `prefix`, under the rest of their names.
    public func tensors(under prefix: String) -> [String: Tensor] {
        var found: [String: Tensor] = [:]
        for (name, tensor) in tensors where name.hasPrefix(prefix) {
            found[String(name.dropFirst(prefix.count))] = tensor
        }
        return found
    }

    /// Tests/Fixtures.
    public static let directory = testsDirectory + "/Fixtures"

    /// The package's Tests directory.
    public static let testsDirectory: String = {
        let here = "\(#filePath)"
        return here.split(separator: "/", omittingEmptySubsequences: false).dropLast(2).joined(separator: "/")
    }()
}
