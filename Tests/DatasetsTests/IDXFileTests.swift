import TestSupport
import XCTest

@testable import Datasets

final class IDXFileTests: XCTestCase {
    private var directory: TemporaryDirectory!

    override func setUpWithError() throws { directory = try TemporaryDirectory() }
    override func tearDown() { directory = nil }

    private func read(_ bytes: [UInt8], rank: Int? = 3, name: String = "images") throws -> IDXFile {
        try IDXFile(path: directory.write(name, bytes), rank: rank)
    }

    func testPlain() throws {
        let file = try read(idx([2, 3, 4]))
        XCTAssertEqual(file.shape, [2, 3, 4])
        XCTAssertEqual(file.bytes, (0..<24).map { UInt8(truncatingIfNeeded: $0 * 37) })
        XCTAssertEqual(try read(idx([5]), rank: nil).shape, [5])
    }

    func testSizesAreBigEndian() throws {
        XCTAssertEqual(try read(idx([258, 1, 2])).shape, [258, 1, 2])
    }

    func testGzip() throws {
        // More than one stored block and more than one chunk of reading.
        let bytes = idx([3, 700, 701])
        let file = try read(gzip(bytes))
        XCTAssertEqual(file.shape, [3, 700, 701])
        XCTAssertEqual(file.bytes, Array(bytes[16...]))
    }

    func testGzipByTheCommand() throws {
        let path = try directory.write("packed", idx([40, 28, 28]))
        guard try runProcess("/usr/bin/env", ["gzip", path]).status == 0 else { throw XCTSkip("there is no gzip") }
        XCTAssertEqual(try IDXFile(path: path + ".gz", rank: 3).bytes, Array(idx([40, 28, 28])[16...]))
    }

    func testCompressionIsSeenFromTheBytes() throws {
        XCTAssertEqual(try read(idx([1, 2, 2]), name: "plain.gz").shape, [1, 2, 2])
        XCTAssertEqual(try read(gzip(idx([1, 2, 2])), name: "packed").shape, [1, 2, 2])
    }

    func testMissing() {
        let path = directory.file("nothing")
        assertThrows(try IDXFile(path: path), saying: path, "no such file", "make data")
    }

    func testFolder() {
        assertThrows(try IDXFile(path: directory.path), saying: directory.path, "not a regular file")
    }

    func testNotIDX() {
        assertThrows(
            try read(Array("<!DOCTYPE html>".utf8)), saying: directory.file("images"),
            "begin with 00 00 08 03 (unsigned bytes in 3 dimensions)", "begins with 3c 21 44 4f", "make data")
        assertThrows(try read(gzip(Array("hello".utf8)), rank: nil), saying: "begin with 00 00 08 (", "68 65 6c 6c")
        assertThrows(try read([1, 2]), saying: "begins with 01 02")
    }

    func testOtherElementType() {
        assertThrows(try read(idx([1, 1, 1], type: 13)), saying: "begin with 00 00 08 03", "begins with 00 00 0d 03")
    }

    func testOtherRank() {
        assertThrows(try read(idx([6])), saying: "begin with 00 00 08 03", "begins with 00 00 08 01")
    }

    func testTruncated() {
        assertThrows(
            try read(idx([2, 3, 4]).dropLast(5)), saying: directory.file("images"),
            "truncated: 40 bytes expected, 35 found", "make data")
        assertThrows(try read([]), saying: "truncated: 16 bytes expected, 0 found")
        assertThrows(try read([0, 0, 8]), saying: "truncated: 16 bytes expected, 3 found")
        assertThrows(try read(Array(idx([2, 3, 4])[..<10])), saying: "truncated: 16 bytes expected, 10 found")
    }

    func testTruncatedGzip() {
        let packed = gzip(idx([10, 20, 30]))
        assertThrows(try read(packed.dropLast(1008)), saying: "truncated: 6016 bytes expected, 5016 found")
        assertThrows(try read(Array(packed[..<5])), saying: "truncated: 16 bytes expected, 0 found")
    }

    func testHugeSizesInTheHeader() {
        let header = idx([0xffff_ffff, 0xffff, 28], [])
        assertThrows(try read(header), saying: "truncated: 7881179086979116 bytes expected, 16 found")
        assertThrows(try read(gzip(header)), saying: "truncated")
        let tooLarge = idx([0xffff_ffff, 0xffff_ffff, 0xffff_ffff], [])
        assertThrows(try read(tooLarge), saying: "fits into memory", "4294967295 x 4294967295 x 4294967295")
    }

    func testExcess() {
        assertThrows(try read(idx([2, 3, 4]) + [0]), saying: "24 bytes expected after its header, more found")
        assertThrows(try read(gzip(idx([2, 3, 4]) + [0])), saying: "24 bytes expected after its header")
    }

    func testWrongChecksum() {
        var packed = gzip(idx([2, 3, 4]))
        packed[packed.count - 8] ^= 1
        assertThrows(
            try read(packed), saying: directory.file("images"), "corrupt", "checksum expected",
            "zlib found \"incorrect data check\"", "make data")
    }

    func testDamagedByte() {
        var packed = gzip(idx([20, 30, 40]))
        packed[packed.count / 2] ^= 0x10
        assertThrows(try read(packed), saying: "corrupt", "incorrect data check")
    }

    func testDamagedCompression() {
        var packed = gzip(idx([2, 3, 4]))
        packed[10] = 7
        assertThrows(try read(packed), saying: "corrupt", "invalid block type")
    }

    func testMissingChecksum() {
        assertThrows(try read(gzip(idx([2, 3, 4])).dropLast(8)), saying: "corrupt", "unexpected end of file")
    }

    func testWithoutZlib() throws {
        let packed = try directory.write("packed.gz", gzip(idx([1, 2, 2])))
        assertThrows(
            try ByteReader(path: packed, libraries: ["libno.so.1", "libno.so"]), saying: packed,
            "zlib was not found as libno.so.1 or libno.so", "install zlib", "gunzip")
        let plain = try ByteReader(path: directory.write("plain", idx([1, 2, 2])), libraries: [])
        XCTAssertEqual(try IDXFile(reader: plain, rank: 3).shape, [1, 2, 2])
    }
}
