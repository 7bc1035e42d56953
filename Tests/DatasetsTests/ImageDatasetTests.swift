import Datasets
import TestSupport
import Torch
import XCTest

final class ImageDatasetTests: XCTestCase {
    private let images = Tensor([UInt8](repeating: 7, count: 24), shape: [2, 3, 2, 2])
    private let labels = Tensor([Int64(1), 0])

    private func dataset(
        _ images: Tensor, _ labels: Tensor, _ normalization: Normalization? = nil
    ) throws -> ImageDataset {
        try ImageDataset(
            name: "toy", images: images, labels: labels, classNames: ["cat", "dog"], normalization: normalization)
    }

    func testSizes() throws {
        let set = try dataset(images, labels)
        XCTAssertEqual([set.count, set.channels, set.height, set.width, set.classCount], [2, 3, 2, 2, 2])
    }

    func testPartsThatDoNotFit() throws {
        assertThrows(try dataset(images.to(.float32), labels), saying: "toy (images)", "uint8 image")
        assertThrows(try dataset(images.reshaped([6, 2, 2]), labels), saying: "N x C x H x W", "6 x 2 x 2")
        assertThrows(try dataset(images, labels.to(.int32)), saying: "toy (labels)", "int64")
        assertThrows(try dataset(images, Tensor([Int64(1)])), saying: "2 labels expected", "1 found")
        assertThrows(try dataset(images, Tensor([Int64(1), 2])), saying: "label 2 at position 1", "from 0 to 1")
        assertThrows(try dataset(images, Tensor([Int64(-1), 0])), saying: "label -1 at position 0")
        let grey = try Normalization(mean: [0], standardDeviation: [1])
        assertThrows(try dataset(images, labels, grey), saying: "normalization of toy", "for 1 channels", "one for 3")
    }

    func testStridedImagesAreMadeContiguous() throws {
        let transposed = randomIntegers([4, 3, 2, 2], in: 0..<256).to(.uint8).permuted([0, 1, 3, 2])
        let set = try dataset(transposed.narrowed(0, from: 1, length: 2), labels)
        XCTAssertTrue(set.images.isContiguous)
        assertIdentical(set.images, transposed.narrowed(0, from: 1, length: 2))
    }

    func testPrefix() throws {
        let set = try randomDataset([6, 1, 3, 4])
        let part = try set.prefix(4)
        assertIdentical(part.images, set.images.narrowed(0, from: 0, length: 4))
        assertIdentical(part.labels, set.labels.narrowed(0, from: 0, length: 4))
        XCTAssertEqual(part.normalization, set.normalization)
        assertThrows(try set.prefix(0), saying: "is 0", "1 to 6")
        assertThrows(try set.prefix(7), saying: "is 7", "1 to 6")
    }

    func testMeasuring() throws {
        let images = randomIntegers([9, 2, 5, 4], in: 0..<256, seed: 3).to(.uint8)
        let measured = try Normalization(measuring: images)
        let numbers = images.to(.float64) / 255
        for channel in 0..<2 {
            let plane = numbers.selected(1, channel)
            let mean = plane.mean().item(as: Double.self)
            let variance = ((plane - mean) * (plane - mean)).mean().item(as: Double.self)
            XCTAssertEqual(Double(measured.mean[channel]), mean, accuracy: 1e-6)
            XCTAssertEqual(Double(measured.standardDeviation[channel]), variance.squareRoot(), accuracy: 1e-6)
        }
    }

    func testMeasuringOneColour() throws {
        let measured = try Normalization(measuring: images)
        XCTAssertEqual(measured.standardDeviation, [1, 1, 1])
        assertThrows(try Normalization(measuring: labels), saying: "int64 of shape [2]", "uint8")
    }

    func testNormalizationRanges() {
        assertThrows(
            try Normalization(mean: [0, 0], standardDeviation: [1]), saying: "2 means and 1 deviations", "per channel")
        assertThrows(try Normalization(mean: [0], standardDeviation: [0]), saying: "0.0", "above 0")
        assertThrows(try Normalization(mean: [.nan], standardDeviation: [1]), saying: "mean is nan", "finite")
    }
}
