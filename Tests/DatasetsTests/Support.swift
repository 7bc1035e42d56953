import Datasets
import TestSupport
import Torch
import XCTest

/// The bytes of an IDX file.
func idx(_ shape: [Int], _ elements: [UInt8]? = nil, type: UInt8 = 8) -> [UInt8] {
    let sizes = shape.flatMap { size in [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: size >> $0) } }
    let elements = elements ?? (0..<shape.reduce(1, *)).map { UInt8(truncatingIfNeeded: $0 * 37) }
    return [0, 0, type, UInt8(shape.count)] + sizes + elements
}

/// The bytes in a gzip file, not compressed, by a writer that shares nothing with zlib (RFC 1952, stored blocks of RFC
/// 1951).
func gzip(_ bytes: [UInt8]) -> [UInt8] {
    func littleEndian(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    var result: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]
    let blocks = stride(from: 0, to: max(bytes.count, 1), by: 0xffff).map { $0..<min($0 + 0xffff, bytes.count) }
    for block in blocks {
        result.append(block.upperBound == bytes.count ? 1 : 0)
        result += littleEndian(block.count, 2) + littleEndian(~block.count, 2) + bytes[block]
    }
    var crc: UInt32 = .max
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
    }
    return result + littleEndian(Int(~crc), 4) + littleEndian(bytes.count, 4)
}

/// A set of random bytes, 3 classes, that depends on its shape alone.
func randomDataset(_ shape: [Int]) throws -> ImageDataset {
    try ImageDataset(
        name: "random", images: randomIntegers(shape, in: 0..<256, seed: 5).to(.uint8),
        labels: randomIntegers([shape[0]], in: 0..<3, seed: 6), classNames: ["a", "b", "c"])
}

/// Fails unless `body` throws a `DatasetError` whose text contains all the parts and is one line.
func assertThrows<Result>(
    _ body: @autoclosure () throws -> Result, saying parts: String..., file: StaticString = #filePath,
    line: UInt = #line
) {
    XCTAssertThrowsError(try body(), file: file, line: line) { error in
        guard let error = error as? DatasetError else {
            return XCTFail("a DatasetError expected, got \(error)", file: file, line: line)
        }
        XCTAssertFalse("\(error)".contains("\n"), file: file, line: line)
        for part in parts { assertContains("\(error)", part, file: file, line: line) }
    }
}

/// The folder of the real images; skips the test where there is none.
func fashionMNISTDirectory() throws -> String {
    let cache = FixtureFile.testsDirectory + "/../.cache/data/fashion-mnist"
    // The second is for tests that are run from another folder.
    for explicit in [nil, cache] {
        if let found = try? FashionMNIST.findDirectory(explicit: explicit) { return found }
    }
    throw XCTSkip("Fashion-MNIST is not on this machine; `make data` fetches it")
}
