#if canImport(Darwin)
    import Darwin
#else
    import Glibc
#endif

/// Reads a file from front to back, decompressing it if its first bytes are gzip's, whatever its name.
final class ByteReader {
    private enum Source {
        case plain(UnsafeMutablePointer<FILE>)
        case gzip(OpaquePointer, Zlib)
    }

    let path: String
    /// Bytes the file takes on disk.
    let fileSize: Int
    private let source: Source

    var isCompressed: Bool { if case .gzip = source { true } else { false } }

    /// - Parameter libraries: where zlib is looked for.
    /// - Throws: ``DatasetError`` if the file is missing or not readable, or compressed while there is no zlib.
    init(path: String, libraries: [String] = Zlib.libraryNames) throws {
        self.path = path
        var info = stat()
        guard stat(path, &info) == 0 else { throw Self.systemError(path) }
        guard info.st_mode & S_IFMT == S_IFREG else {
            throw DatasetError.unreadableFile(path: path, reason: "not a regular file")
        }
        fileSize = Int(info.st_size)
        guard let file = fopen(path, "rb") else { throw Self.systemError(path) }
        let isGzip = getc(file) == 0x1f && getc(file) == 0x8b
        guard isGzip else {
            rewind(file)
            source = .plain(file)
            return
        }
        fclose(file)
        guard let zlib = Zlib(libraries: libraries) else {
            throw DatasetError.zlibMissing(path: path, libraries: libraries)
        }
        guard let stream = zlib.open(path, "rb") else { throw Self.systemError(path) }
        source = .gzip(stream, zlib)
    }

    deinit {
        switch source {
        case .plain(let file): fclose(file)
        case .gzip(let stream, let zlib): _ = zlib.close(stream)
        }
    }

    /// Up to `count` bytes; fewer only where the data end, even if a compressed file breaks off there.
    func read(_ count: Int) throws -> [UInt8] {
        let chunkSize = 1 << 20
        var bytes: [UInt8] = []
        // A header may announce more than the file can hold: gzip reaches 1:1032 at most.
        bytes.reserveCapacity(min(count, (isCompressed ? 1032 : 1) * fileSize))
        var chunk = [UInt8](repeating: 0, count: min(chunkSize, count))
        while bytes.count < count {
            let wanted = min(chunkSize, count - bytes.count)
            let got = try chunk.withUnsafeMutableBytes { try read(into: $0.baseAddress!, wanted) }
            guard got > 0 else { break }
            bytes.append(contentsOf: chunk[..<got])
        }
        return bytes
    }

    /// Checks that the data end here and that a compressed file's checksum, which follows them, is right.
    /// - Returns: whether there was nothing more.
    func isAtEnd() throws -> Bool {
        guard try read(1).isEmpty else { return false }
        if let reason = brokenOff { throw DatasetError.corruptGzip(path: path, reason: reason) }
        return true
    }

    private func read(into buffer: UnsafeMutableRawPointer, _ count: Int) throws -> Int {
        switch source {
        case .plain(let file):
            let got = fread(buffer, 1, count, file)
            if got == 0, ferror(file) != 0 { throw Self.systemError(path) }
            return got
        case .gzip(let stream, let zlib):
            let got = zlib.read(stream, buffer, UInt32(count))
            if got < 0, brokenOff == nil {
                throw DatasetError.corruptGzip(path: path, reason: zlibError(stream, zlib).text)
            }
            return max(0, Int(got))
        }
    }

    /// zlib's message if the compressed data break off before their end, which Z_BUF_ERROR says.
    private var brokenOff: String? {
        guard case .gzip(let stream, let zlib) = source else { return nil }
        let error = zlibError(stream, zlib)
        return error.code == -5 ? error.text : nil
    }

    /// zlib's last error on the stream; its text without the path that zlib puts in front.
    private func zlibError(_ stream: OpaquePointer, _ zlib: Zlib) -> (code: Int32, text: String) {
        var code: Int32 = 0
        var text = zlib.errorText(stream, &code).map { String(cString: $0) } ?? ""
        if text.hasPrefix(path + ": ") { text.removeFirst(path.count + 2) }
        return (code, text.isEmpty ? "error \(code)" : text)
    }

    private static func systemError(_ path: String) -> DatasetError {
        let code = errno
        return code == ENOENT || code == ENOTDIR
            ? .missingFile(path: path) : .unreadableFile(path: path, reason: String(cString: strerror(code)))
    }
}
