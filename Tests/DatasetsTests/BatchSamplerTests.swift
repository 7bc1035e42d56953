import Datasets
import TestSupport
import XCTest

final class BatchSamplerTests: XCTestCase {
    func testOrderIsAPermutation() throws {
        let sampler = try BatchSampler(count: 1000, batchSize: 10, seed: 3)
        for epoch in 0..<3 {
            XCTAssertEqual(sampler.order(epoch: epoch).sorted(), Array(0..<1000))
            XCTAssertNotEqual(sampler.order(epoch: epoch), Array(0..<1000))
        }
    }

    func testOrderDependsOnSeedAndEpochAlone() throws {
        let sampler = try BatchSampler(count: 50, batchSize: 10, seed: 3)
        let again = try BatchSampler(count: 50, batchSize: 7, seed: 3, remainder: .drop)
        let other = try BatchSampler(count: 50, batchSize: 10, seed: 4)
        XCTAssertEqual(sampler.order(epoch: 2), again.order(epoch: 2))
        XCTAssertNotEqual(sampler.order(epoch: 2), sampler.order(epoch: 3))
        XCTAssertNotEqual(sampler.order(epoch: 2), other.order(epoch: 2))
    }

    /// A changed order would make resumed runs differ from those of an earlier version. The numbers are those of a few
    /// lines of Python that follow the documentation.
    func testOrderIsFixed() throws {
        XCTAssertEqual(
            try BatchSampler(count: 10, batchSize: 2, seed: 1).order(epoch: 1), [9, 4, 1, 5, 7, 8, 6, 0, 3, 2])
        XCTAssertEqual(
            try BatchSampler(count: 10, batchSize: 2, seed: 0).order(epoch: 0), [3, 5, 9, 0, 7, 4, 1, 6, 2, 8])
    }

    /// Each of the 24 orders of 4 examples comes as often as the others.
    func testOrdersAreEquallyLikely() throws {
        let sampler = try BatchSampler(count: 4, batchSize: 2, seed: 9)
        var counts: [[Int]: Int] = [:]
        for epoch in 0..<2400 { counts[sampler.order(epoch: epoch), default: 0] += 1 }
        XCTAssertEqual(counts.count, 24)
        for (order, count) in counts { XCTAssertEqual(Double(count), 100, accuracy: 45, "\(order)") }
    }

    func testWithoutASeedTheOrderIsKept() throws {
        XCTAssertEqual(try BatchSampler(count: 5, batchSize: 2, seed: nil).order(epoch: 4), [0, 1, 2, 3, 4])
    }

    func testRemainder() throws {
        func batches(_ count: Int, _ size: Int, _ remainder: BatchSampler.Remainder) throws -> [Int] {
            let sampler = try BatchSampler(count: count, batchSize: size, seed: 0, remainder: remainder)
            let sizes = (0..<sampler.batchCount).map { sampler.range(ofBatch: $0).count }
            XCTAssertEqual(sizes.reduce(0, +), sampler.examplesPerEpoch)
            return sizes
        }
        XCTAssertEqual(try batches(11, 4, .keep), [4, 4, 3])
        XCTAssertEqual(try batches(11, 4, .keepUnlessSingle), [4, 4, 3])
        XCTAssertEqual(try batches(11, 4, .drop), [4, 4])
        XCTAssertEqual(try batches(9, 4, .keep), [4, 4, 1])
        XCTAssertEqual(try batches(9, 4, .keepUnlessSingle), [4, 4])
        for remainder in [BatchSampler.Remainder.keep, .keepUnlessSingle, .drop] {
            XCTAssertEqual(try batches(8, 4, remainder), [4, 4])
            XCTAssertEqual(try batches(3, 1, remainder), [1, 1, 1])
            XCTAssertEqual(try batches(6, 6, remainder), [6])
        }
    }

    func testRanges() {
        assertThrows(try BatchSampler(count: 5, batchSize: 0, seed: 1), saying: "batch size is 0", "1 to 5")
        assertThrows(try BatchSampler(count: 5, batchSize: 6, seed: 1), saying: "batch size is 6", "1 to 5")
        assertThrows(try BatchSampler(count: 0, batchSize: 1, seed: 1), saying: "number of examples is 0")
    }
}
