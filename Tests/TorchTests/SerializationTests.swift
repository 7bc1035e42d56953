import Foundation
import TestSupport
import Torch
import XCTest

/// Safetensors files: the format, what is refused, and that a failure leaves the old file alone.
final class SerializationTests: XCTestCase {
    private var directory: TemporaryDirectory!

    override func setUpWithError() throws { directory = try TemporaryDirectory() }

    override func tearDown() { directory = nil }

    /// One tensor of each type, with values at the ends of its range, and unusual shapes.
    private var samples: [String: Tensor] {
        var samples: [String: Tensor] = [
            "float32": Tensor([0, -0.0, 1.5, .infinity, -.infinity, .nan, .leastNonzeroMagnitude] as [Float]),
            "float64": Tensor([0.1, -.greatestFiniteMagnitude, .nan], shape: [3, 1]),
            "float16": Tensor([0.1, 65504, -1]).to(.float16),
            "bfloat16": Tensor([0.1, 3e38, -1]).to(.bfloat16),
            "int64": Tensor([Int64.min, 0, Int64.max]),
            "int32": Tensor([Int32.min, 0, Int32.max]),
            "int16": Tensor([Int16.min, 0, Int16.max]),
            "int8": Tensor([Int8.min, 0, Int8.max]),
            "uint8": Tensor([UInt8(0), 255, 7]),
            "bool": Tensor([true, false, true]),
            "single": Tensor(3.5),
            "empty": .zeros([0, 3]),
            "": Tensor([1.0]),
            "a.b \"quoted\" \\ \n\t\u{1} äö 漢 🙂": Tensor([2.0]),
        ]
        for index in 0..<20 { samples["layers.\(index).weight"] = randomTensor([3, index + 1], seed: UInt64(index)) }
        return samples
    }

    func testRoundTripOfAllTypes() throws {
        let path = directory.file("all.safetensors")
        let notes = ["format": "pt", "epoch": "3", "": "", "text": "line\nline \"x\" \\ ü 🙂"]
        try SafetensorsFile.write(tensors: samples, metadata: notes, to: path)
        let (tensors, metadata) = try SafetensorsFile.read(path)
        assertIdentical(tensors, samples)
        XCTAssertEqual(metadata, notes)
        XCTAssertEqual(try SafetensorsFile.metadata(path), notes)
        XCTAssertEqual(directory.entries, ["all.safetensors"])
    }

    func testBytesAreTheFormatExactly() throws {
        let path = directory.file("bytes")
        try SafetensorsFile.write(
            tensors: ["b": Tensor([1, 2] as [Int32], shape: [2, 1]), "a": Tensor([UInt8(7)]), "c": Tensor(1.0)],
            metadata: ["k": "v"], to: path)
        let header = #"{"__metadata__":{"k":"v"},"a":{"dtype":"U8","shape":[1],"data_offsets":[16,17]},"#
            + #""b":{"dtype":"I32","shape":[2,1],"data_offsets":[8,16]},"#
            + #""c":{"dtype":"F64","shape":[],"data_offsets":[0,8]}}"#
        let padded = header + String(repeating: " ", count: (8 - header.utf8.count % 8) % 8)
        var expected = withUnsafeBytes(of: UInt64(padded.utf8.count).littleEndian) { Array($0) }
        expected += Array(padded.utf8)
        expected += [0, 0, 0, 0, 0, 0, 0xF0, 0x3F, 1, 0, 0, 0, 2, 0, 0, 0, 7]
        XCTAssertEqual(try contents("bytes"), expected)
    }

    func testSameTensorsGiveTheSameBytes() throws {
        for name in ["one", "two"] {
            try SafetensorsFile.write(tensors: samples, metadata: ["b": "1", "a": "2"], to: directory.file(name))
        }
        XCTAssertEqual(try contents("one"), try contents("two"))
    }

    func testNothingAtAll() throws {
        let path = directory.file("nothing")
        try SafetensorsFile.write(tensors: [:], to: path)
        let (tensors, metadata) = try SafetensorsFile.read(path)
        XCTAssertTrue(tensors.isEmpty && metadata.isEmpty)
    }

    func testViewsAreWrittenAsTheyLook() throws {
        let matrix = randomTensor([4, 6])
        let image = randomTensor([2, 3, 4, 5]).contiguous(.channelsLast)
        let weight = randomTensor([2, 2]).requiringGradient()
        let path = directory.file("views")
        let tensors = [
            "transposed": matrix.transposed(), "part": matrix[1..<3, .every(2)], "row": matrix[2],
            "expanded": matrix[0].expanded([3, 6]), "image": image, "weight": weight,
        ]
        try SafetensorsFile.write(tensors: tensors, to: path)
        let read = try SafetensorsFile.read(path).tensors
        assertIdentical(read, tensors)
        XCTAssertTrue(read.values.allSatisfy { $0.isContiguous && !$0.requiresGradient })
    }

    func testTensorsWithoutValuesAreRefused() {
        let path = directory.file("refused")
        for (tensors, part) in [
            (["x": Tensor.undefined], "'x'"), (["x": .empty([2], device: .meta)], "'x'"),
            (["__metadata__": .zeros([1])], "__metadata__"),
        ] as [([String: Tensor], String)] {
            assertThrowsTorchError(try SafetensorsFile.write(tensors: tensors, to: path)) { error in
                guard case .invalidValue(let text) = error else { return XCTFail("\(error)") }
                assertContains(text, part)
            }
        }
        XCTAssertEqual(directory.entries, [])
    }

    func testReadingKeepsNothing() throws {
        let path = directory.file("all.safetensors")
        try SafetensorsFile.write(tensors: samples, to: path)
        try assertNoTensorLeak { _ = try SafetensorsFile.read(path) }
    }

    private func contents(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: directory.file(name))))
    }
}
