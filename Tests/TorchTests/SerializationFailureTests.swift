import Foundation
import TestSupport
import Torch
import XCTest

/// Damaged files and failing disks: each a TorchError.file that names the path and what is wrong.
final class SerializationFailureTests: XCTestCase {
    private var directory: TemporaryDirectory!

    override func setUpWithError() throws { directory = try TemporaryDirectory() }

    override func tearDown() { directory = nil }

    private func file(_ header: String, data: Int, length: UInt64? = nil) throws -> String {
        let text = Array(header.utf8)
        let prefix = withUnsafeBytes(of: (length ?? UInt64(text.count)).littleEndian) { Array($0) }
        return try directory.write("file", prefix + text + [UInt8](repeating: 1, count: data))
    }

    private func assertRefused(_ path: String, _ message: String, line: UInt = #line) {
        assertThrowsTorchError(try SafetensorsFile.read(path), line: line) { error in
            guard case .file(let named, let text) = error else { return XCTFail("\(error)", line: line) }
            XCTAssertEqual(named, path, line: line)
            assertContains(text, message, line: line)
        }
    }

    private func assertHeaderRefused(_ header: String, data: Int = 4, _ message: String, line: UInt = #line) throws {
        assertRefused(try file(header, data: data), message, line: line)
    }

    func testFilesThatAreNone() throws {
        assertRefused(directory.file("missing"), "cannot be opened: No such file or directory")
        assertRefused(directory.path, "is not a regular file")
        assertRefused(try directory.write("file", []), "at least 8 bytes, this one has 0")
        assertRefused(try directory.write("file", [1, 2, 3]), "at least 8 bytes, this one has 3")
        assertRefused(try directory.write("file", Array("PK this is a zip file".utf8)), "not a safetensors file")
        assertRefused(
            try file("{}", data: 0, length: 3), "a header of 3 bytes is announced, the file has only 10 bytes")
        assertRefused(try file("{}", data: 0, length: .max), "at most 100000000 are allowed")
        assertRefused(try file("{}", data: 0, length: 100_000_001), "at most 100000000 are allowed")
    }

    func testBrokenJSON() throws {
        let broken: [(String, String)] = [
            ("", "a value expected, the text ends at byte 8"),
            ("[]", "the header is not a JSON object"),
            ("{\"a\"}", "':' expected at byte 12"),
            ("{\"a\":1,}", "a key in quotes expected"),
            ("{} x", "the end expected"),
            ("{\"a\":1 \"b\":2}", "',' or '}' expected"),
            ("{\"a\":[1 2]}", "',' or ']' expected"),
            ("{\"a\":01}", "a number begins with 0"),
            ("{\"a\":-}", "a digit expected"),
            ("{\"a\":nul}", "a value expected"),
            ("{\"a", "the text ends within a string"),
            ("{\"a\nb\":1}", "a control character in a string"),
            ("{\"\\x\":1}", "an unknown escape"),
            ("{\"\\u12g4\":1}", "a hexadecimal digit expected"),
            ("{\"\\ud800\":1}", "half a character"),
            (String(repeating: "{\"a\":", count: 50), "more than 16 levels"),
        ]
        for (header, message) in broken {
            try assertHeaderRefused(header, message)
            try assertHeaderRefused(header, "the header is not", line: #line)
        }
        let badText = try directory.write("file", [4, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x22, 0xFF, 0x22])
        assertRefused(badText, "not valid UTF-8")
    }

    func testBrokenEntries() throws {
        func entry(_ body: String) -> String { "{\"w\":\(body)}" }
        let broken: [(String, String)] = [
            (entry("3"), "tensor 'w': a JSON object expected"),
            (entry("{}"), "the keys dtype, shape and data_offsets expected, found []"),
            (
                entry(#"{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}"#),
                #"found ["data_offsets", "dtype", "more", "shape"]"#
            ),
            (entry(#"{"dtype":7,"shape":[1],"data_offsets":[0,4]}"#), "dtype is not a string"),
            (
                entry(#"{"dtype":"C64","shape":[1],"data_offsets":[0,4]}"#),
                "dtype C64 is not supported, one of F32 F64 F16 BF16 I64 I32 I16 I8 U8 BOOL expected"
            ),
            (entry(#"{"dtype":"F32","shape":1,"data_offsets":[0,4]}"#), "shape is not a list of whole numbers"),
            (entry(#"{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}"#), "shape is not a list of whole numbers"),
            (entry(#"{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}"#), "shape is not a list of whole numbers"),
            (
                entry(#"{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}"#),
                "shape is not a list of whole numbers"
            ),
            (entry(#"{"dtype":"F32","shape":[1],"data_offsets":[0]}"#), "data_offsets are not two whole numbers"),
            (entry(#"{"dtype":"F32","shape":[1],"data_offsets":[4,0]}"#), "data_offsets are not two whole numbers"),
            (
                entry(#"{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#),
                "shape [2] of F32 takes 8 bytes, its data_offsets span 4"
            ),
            (
                entry(#"{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}"#),
                "more elements than can be addressed"
            ),
            (
                entry(#"{"dtype":"F32","shape":[4611686018427387904,4,0],"data_offsets":[0,0]}"#),
                "more elements than can be addressed"
            ),
            (
                entry(#"{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#),
                "tensor 'w' ends at byte 8 of the data, there are only 4: the file is truncated or damaged"
            ),
            (
                entry(#"{"dtype":"I8","shape":[2],"data_offsets":[2,4]}"#),
                "tensor 'w' begins at byte 2 of the data, 0 expected: there is a gap"
            ),
            (entry(#"{"dtype":"I8","shape":[2],"data_offsets":[0,2]}"#), "4 bytes of data, the tensors take 2"),
            ("{}", "4 bytes of data, the tensors take 0"),
            (
                #"{"w":{"dtype":"I8","shape":[3],"data_offsets":[0,3]},"#
                    + #""v":{"dtype":"I8","shape":[3],"data_offsets":[1,4]}}"#,
                "tensor 'v' begins at byte 1 of the data, 3 expected: it overlaps another one"
            ),
            (
                #"{"w":{"dtype":"I8","shape":[4],"data_offsets":[0,4]},"#
                    + #""w":{"dtype":"I8","shape":[4],"data_offsets":[0,4]}}"#,
                "the key 'w' comes twice"
            ),
            (#"{"w":{"dtype":"I8","dtype":"I8","shape":[4],"data_offsets":[0,4]}}"#, "the key 'dtype' comes twice"),
            (#"{"__metadata__":{"a":1}}"#, "__metadata__: the value of 'a' is not a string"),
            (#"{"__metadata__":[]}"#, "__metadata__ is not a JSON object"),
        ]
        for (header, message) in broken { try assertHeaderRefused(header, message) }
        try assertHeaderRefused(
            entry(#"{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}"#), data: 0, "the file is truncated")
        let path = try file(entry(#"{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}"#), data: 0)
        try directory.write("file", try Array(Data(contentsOf: URL(fileURLWithPath: path))) + [2])
        assertRefused(path, "tensor 'w' of BOOL holds bytes beside 0 and 1")
    }

    func testLegalVariantsAreRead() throws {
        let spaced = "{ \"w\" : {\"shape\":[ 2, 1 ], \"data_offsets\":[0,2],\n\"dtype\":\"I8\"},"
            + "\"\\u00e9\\ud83d\\ude42\\/\":{\"dtype\":\"I8\",\"shape\":[],\"data_offsets\":[2,3]},"
            + "\"none\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[2,2]}}   "
        let (tensors, _) = try SafetensorsFile.read(try file(spaced, data: 3))
        XCTAssertEqual(tensors["w"]?.shape, [2, 1])
        XCTAssertEqual(tensors["é🙂/"]?.scalars(as: Int.self), [1])
        XCTAssertEqual(tensors["none"]?.shape, [0, 7])
    }

    /// Every file that a cut can leave is refused, none crashes.
    func testEveryTruncation() throws {
        let path = directory.file("whole")
        try SafetensorsFile.write(
            tensors: ["a": randomTensor([3]), "b": Tensor([1, 2])], metadata: ["k": "v"], to: path)
        let whole = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        for length in 0..<whole.count {
            assertThrowsTorchError(try SafetensorsFile.read(try directory.write("cut", Array(whole[..<length])))) {
                guard case .file = $0 else { return XCTFail("\(length): \($0)") }
            }
        }
        assertRefused(try directory.write("cut", whole + [0]), "29 bytes of data, the tensors take 28")
    }

    /// Flipped bits in the header give an error or another legal header, never a crash.
    func testDamagedHeaders() throws {
        let path = directory.file("whole")
        try SafetensorsFile.write(tensors: ["a": randomTensor([3]), "b": Tensor([1, 2])], to: path)
        let whole = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        var random = SplitMix(seed: 1)
        for _ in 0..<300 {
            var damaged = whole
            let byte = Int.random(in: 0..<whole.count - 28, using: &random)
            damaged[byte] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            _ = try? SafetensorsFile.read(try directory.write("damaged", damaged))
        }
    }

    // MARK: Writing

    private func assertNotWritten(_ path: String, _ message: String, line: UInt = #line) {
        assertThrowsTorchError(
            try SafetensorsFile.write(tensors: ["a": .zeros([100_000])], to: path), line: line
        ) { error in
            guard case .file(let named, let text) = error else { return XCTFail("\(error)", line: line) }
            XCTAssertEqual(named, path, line: line)
            assertContains(text, message, line: line)
        }
    }

    func testPlacesThatCannotBeWritten() throws {
        assertNotWritten(directory.file("no/such/file"), "cannot be opened: No such file or directory")
        assertNotWritten(directory.path, "cannot be written: it is not a regular file")
        assertNotWritten("/dev/null", "cannot be written: it is not a regular file")
        assertNotWritten("", "it is empty")
        try directory.write("plain", [1])
        assertNotWritten(directory.file("plain/file"), "cannot be opened: Not a directory")
        assertNotWritten(directory.file(String(repeating: "x", count: 300)), "File name too long")
        XCTAssertEqual(directory.entries, ["plain"])
    }

    func testUnwritableDirectory() throws {
        // Root may write anywhere but where the kernel does not let it.
        guard geteuid() != 0 else {
            return assertNotWritten("/sys/kernel/fop-test.safetensors", "cannot be opened: ")
        }
        chmod(directory.path, 0o500)
        defer { chmod(directory.path, 0o700) }
        assertNotWritten(directory.file("file"), "cannot be opened: Permission denied")
    }

    /// What a full disk does: the write fails half-way.
    func testFailureHalfWayLeavesTheOldFile() throws {
        let path = directory.file("model.safetensors")
        let old = ["a": Tensor([1.0, 2])]
        try SafetensorsFile.write(tensors: old, to: path)
        var before = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before)
        var small = before
        small.rlim_cur = 10_000
        let handler = signal(SIGXFSZ, SIG_IGN)
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &small)
        assertNotWritten(path, "cannot be written: File too large")
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &before)
        signal(SIGXFSZ, handler)
        XCTAssertEqual(directory.entries, ["model.safetensors"])
        assertIdentical(try SafetensorsFile.read(path).tensors, old)
        // And it can be written again.
        try SafetensorsFile.write(tensors: ["a": .zeros([100_000])], to: path)
        XCTAssertEqual(try SafetensorsFile.read(path).tensors["a"]?.count, 100_000)
    }

    func testPathsWithoutDirectory() throws {
        let before = FileManager.default.currentDirectoryPath
        defer { XCTAssertTrue(FileManager.default.changeCurrentDirectoryPath(before)) }
        XCTAssertTrue(FileManager.default.changeCurrentDirectoryPath(directory.path))
        try SafetensorsFile.write(tensors: ["a": Tensor([1])], to: "plain.safetensors")
        XCTAssertEqual(directory.entries, ["plain.safetensors"])
        XCTAssertEqual(try SafetensorsFile.read("plain.safetensors").tensors.count, 1)
    }
}
