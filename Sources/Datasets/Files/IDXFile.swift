/// A file of unsigned bytes in the IDX format of the MNIST family, plain or gzip.
///
/// The format: two zero bytes, the element type (8: unsigned byte), the number of dimensions, the size of each as a
/// big-endian 32-bit integer, then the elements in row-major order.
public struct IDXFile: Sendable {
    /// The file that was read.
    public let path: String
    /// The size of each dimension, e.g. [60000, 28, 28].
    public let shape: [Int]
    /// The elements in row-major order.
    public let bytes: [UInt8]

    /// Reads the whole file. Whether it is compressed is seen from its bytes, not from its name.
    /// - Parameter rank: the number of dimensions it must have; nil (the default) takes any.
    /// - Throws: ``DatasetError`` if the file is missing, unreadable, of another format, truncated, too long or
    ///   corrupt.
    public init(path: String, rank: Int? = nil) throws {
        try self.init(reader: ByteReader(path: path), rank: rank)
    }

    init(reader: ByteReader, rank: Int?) throws {
        path = reader.path
        let foundRank = try Self.readRank(reader, expected: rank)
        shape = try Self.readShape(reader, rank: foundRank)
        let headerBytes = 4 + 4 * foundRank
        guard let count = Self.product(shape), count < Int.max - headerBytes else {
            throw DatasetError.wrongDimensions(path: path, expected: "a size that fits into memory", found: shape)
        }
        bytes = try reader.read(count)
        guard bytes.count == count else {
            throw DatasetError.truncated(
                path: path, expectedBytes: headerBytes + count, foundBytes: headerBytes + bytes.count)
        }
        guard try reader.isAtEnd() else {
            throw DatasetError.excessBytes(path: path, expectedBytes: count)
        }
    }

    private static func readRank(_ reader: ByteReader, expected rank: Int?) throws -> Int {
        let magic = try reader.read(4)
        // Bytes that are wrong say more than bytes that are missing: an empty file is truncated, a short text is not
        // IDX.
        let start: [UInt8] = [0, 0, 8]
        guard magic.prefix(3).elementsEqual(start.prefix(magic.count)) else {
            throw notIDX(reader.path, rank, magic)
        }
        guard magic.count == 4 else {
            throw DatasetError.truncated(path: reader.path, expectedBytes: 4 + 4 * (rank ?? 1), foundBytes: magic.count)
        }
        let found = Int(magic[3])
        guard found > 0, rank == nil || rank == found else { throw notIDX(reader.path, rank, magic) }
        return found
    }

    private static func readShape(_ reader: ByteReader, rank: Int) throws -> [Int] {
        let header = try reader.read(4 * rank)
        guard header.count == 4 * rank else {
            throw DatasetError.truncated(
                path: reader.path, expectedBytes: 4 + 4 * rank, foundBytes: 4 + header.count)
        }
        return (0..<rank).map { dimension in
            header[4 * dimension..<4 * dimension + 4].reduce(0) { $0 << 8 | Int($1) }
        }
    }

    private static func notIDX(_ path: String, _ rank: Int?, _ magic: [UInt8]) -> DatasetError {
        let expected = rank.map { "00 00 08 \(hexadecimal(UInt8(clamping: $0))) (unsigned bytes in \($0) dimensions)" }
        return .notIDX(
            path: path, expected: expected ?? "00 00 08 (unsigned bytes)",
            found: magic.map(hexadecimal).joined(separator: " "))
    }

    private static func hexadecimal(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }

    private static func product(_ shape: [Int]) -> Int? {
        var result = 1
        for size in shape {
            let (product, overflow) = result.multipliedReportingOverflow(by: size)
            if overflow { return nil }
            result = product
        }
        return result
    }
}
