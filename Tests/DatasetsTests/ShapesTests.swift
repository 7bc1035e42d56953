import Datasets
import TestSupport
import Torch
import XCTest

final class ShapesTests: XCTestCase {
    private func generate(
        seed: UInt64 = 0, train: Int = 60, test: Int = 20, size: Int = 28, channels: Int = 1
    ) throws -> (train: ImageDataset, test: ImageDataset) {
        try Shapes(seed: seed, trainCount: train, testCount: test, size: size, channels: channels).generate()
    }

    /// FNV-1a of all bytes.
    private func hash(_ set: ImageDataset) -> UInt64 {
        bytes(of: set.images).reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    func testForm() throws {
        let (train, test) = try generate(channels: 3)
        XCTAssertEqual(train.images.shape, [60, 3, 28, 28])
        XCTAssertEqual(test.images.shape, [20, 3, 28, 28])
        XCTAssertEqual(train.classNames.count, 10)
        XCTAssertEqual(Set(train.classNames).count, 10)
        XCTAssertEqual(train.normalization, test.normalization)
        XCTAssertEqual(try generate(size: 40).train.images.shape, [60, 1, 40, 40])
    }

    func testDefaultCounts() throws {
        let shapes = try Shapes()
        XCTAssertEqual([shapes.trainCount, shapes.testCount, shapes.size, shapes.channels], [10_000, 2_000, 28, 1])
    }

    /// The same bytes on every platform, in debug and release mode: a changed hash is a changed data set.
    func testBytesAreFixed() throws {
        let grey = try generate()
        XCTAssertEqual(hash(grey.train), 6_855_475_089_511_588_648)
        XCTAssertEqual(hash(grey.test), 13_922_942_820_175_005_467)
        XCTAssertEqual(
            hash(try generate(seed: 7, size: 33, channels: 3).train), 5_047_590_704_513_743_899)
    }

    func testSeedsAndPartsDiffer() throws {
        let one = try generate(seed: 1, train: 20)
        let two = try generate(seed: 2, train: 20)
        XCTAssertEqual(Set([one.train, one.test, two.train, two.test].map(hash)).count, 4)
    }

    func testASmallerSetBeginsALargerOne() throws {
        let small = try generate(train: 7, test: 3)
        let large = try generate(train: 70, test: 30)
        assertIdentical(small.train.images, large.train.images.narrowed(0, from: 0, length: 7))
        assertIdentical(small.test.images, large.test.images.narrowed(0, from: 0, length: 3))
    }

    func testClassesAreBalanced() throws {
        let labels = try generate(train: 63).train.labels.scalars(as: Int.self)
        let counts = (0..<10).map { label in labels.count { $0 == label } }
        XCTAssertEqual(counts, [7, 7, 7, 6, 6, 6, 6, 6, 6, 6])
    }

    /// Every image shows something: shape and background differ by 45 and more.
    func testImagesHaveContrast() throws {
        let images = try generate(train: 200).train.images
        for index in 0..<200 {
            let levels = bytes(of: images.selected(0, index)).sorted()
            XCTAssertGreaterThan(Int(levels[levels.count - 8]) - Int(levels[8]), 40, "image \(index)")
        }
    }

    func testRanges() {
        assertThrows(try Shapes(trainCount: 0), saying: "training images is 0", "1 to 10000000")
        assertThrows(try Shapes(testCount: -3), saying: "test images is -3", "1 to")
        assertThrows(try Shapes(size: 15), saying: "size of the images is 15", "16 to 256")
        assertThrows(try Shapes(channels: 2), saying: "channels is 2", "1 (grey) or 3 (RGB)")
    }

    #if !DEBUG
        func testSpeed() throws {
            let clock = ContinuousClock()
            let elapsed = try clock.measure { _ = try generate(train: 10_000) }
            XCTAssertLessThan(elapsed, .seconds(3))
        }
    #endif
}
