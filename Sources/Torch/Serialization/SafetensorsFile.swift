import Glibc
import TorchCore

/// Files of named tensors in the safetensors format, as Python's `safetensors` reads and writes them.
///
/// Nothing in such a file is ever executed.
public enum SafetensorsFile {
    /// Writes tensors and notes to a file; tensors of other devices and memory orders are copied one at a time.
    ///
    /// The same tensors give the same bytes. The file appears under its name when it is complete: on failure an older
    /// one is still there, unchanged.
    /// - Parameter metadata: free text by key; Python's `safe_open(...).metadata()` shows it.
    /// - Throws: ``TorchError/file(path:message:)`` with the path and the system's reason (no such directory, no
    ///   permission, no space left), ``TorchError/invalidValue(_:)`` for a tensor that cannot be saved.
    public static func write(tensors: [String: Tensor], metadata: [String: String] = [:], to path: String) throws {
        for (name, tensor) in tensors {
            guard name != SafetensorsHeader.metadataKey else {
                throw TorchError.invalidValue("a tensor cannot be saved under the name \(name)")
            }
            guard tensor.isDefined, tensor.device.kind != .meta else {
                throw TorchError.invalidValue("tensor '\(name)' has no values that could be saved")
            }
        }
        let header = SafetensorsHeader(tensors: tensors, metadata: metadata)
        let start = header.bytes
        guard start.count - SafetensorsHeader.prefix <= SafetensorsHeader.longest else {
            throw TorchError.invalidValue(
                "names and notes of \(start.count) bytes are more than a safetensors file can hold")
        }
        try replaceFile(at: path) { file in
            try start.withUnsafeBytes { try file.write($0) }
            for entry in header.entries {
                try TorchError.catching { try write(tensors[entry.name]!, to: file) }
            }
        }
    }

    private static func write(_ tensor: Tensor, to file: borrowing FileDescriptor) throws {
        let host = tensor.detached().to(.cpu).contiguous()
        guard host.isDefined else { return }  // the failure is thrown by `catching`
        try host.withUnsafeBytes { try file.write(UnsafeRawBufferPointer($0)) }
    }

    /// Reads all tensors, to the CPU, and the notes.
    /// - Throws: ``TorchError/file(path:message:)`` saying what was expected and what was found when the file cannot be
    ///   read, is truncated or is not a safetensors file.
    public static func read(_ path: String) throws -> (tensors: [String: Tensor], metadata: [String: String]) {
        let file = try FileDescriptor(open: path, O_RDONLY)
        let size = try file.size()
        let (header, start) = try readHeader(file, size: size)
        var tensors: [String: Tensor] = [:]
        for entry in header.entries {
            let tensor = try TorchError.catching { Tensor.empty(entry.shape, dtype: entry.dtype) }
            try tensor.withUnsafeBytes { bytes in
                try file.read(into: bytes, at: start + entry.place.lowerBound)
                guard entry.dtype != .bool || bytes.allSatisfy({ $0 <= 1 }) else {
                    throw TorchError.file(
                        path: path, message: "tensor '\(entry.name)' of BOOL holds bytes beside 0 and 1")
                }
            }
            tensors[entry.name] = tensor
        }
        return (tensors, header.metadata)
    }

    /// The notes alone, without reading the tensors.
    /// - Throws: as ``read(_:)``.
    public static func metadata(_ path: String) throws -> [String: String] {
        let file = try FileDescriptor(open: path, O_RDONLY)
        return try readHeader(file, size: try file.size()).header.metadata
    }

    private static func readHeader(
        _ file: borrowing FileDescriptor, size: Int
    ) throws -> (header: SafetensorsHeader, dataStart: Int) {
        let path = file.path
        guard size >= SafetensorsHeader.prefix else {
            throw TorchError.file(path: path, message: "a safetensors file has at least 8 bytes, this one has \(size)")
        }
        var length: UInt64 = 0
        try withUnsafeMutableBytes(of: &length) { try file.read(into: $0, at: 0) }
        length = UInt64(littleEndian: length)
        guard length <= UInt64(SafetensorsHeader.longest) else {
            throw TorchError.file(
                path: path,
                message: "a header of \(length) bytes is announced, at most \(SafetensorsHeader.longest) are allowed: "
                    + "this is not a safetensors file")
        }
        let start = SafetensorsHeader.prefix + Int(length)
        guard start <= size else {
            throw TorchError.file(
                path: path,
                message: "a header of \(length) bytes is announced, the file has only \(size) bytes: it is truncated")
        }
        var json = [UInt8](repeating: 0, count: Int(length))
        try json.withUnsafeMutableBytes { try file.read(into: $0, at: SafetensorsHeader.prefix) }
        return (try SafetensorsHeader(json: json, dataSize: size - start, path: path), start)
    }
}
