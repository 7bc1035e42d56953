import TestSupport
import Torch
import XCTest

@testable import Datasets

final class DataLoaderTests: XCTestCase {
    private let augmentation = Augmentation(cropPadding: 1, flipsHorizontally: true, seed: 8)

    private func loader(prefetch: Int, remainder: BatchSampler.Remainder = .keep) throws -> DataLoader {
        let set = try randomDataset([23, 1, 6, 5])
        let sampler = try BatchSampler(count: 23, batchSize: 5, seed: 2, remainder: remainder)
        return try DataLoader(set, sampler: sampler, augmentation: augmentation, prefetch: prefetch)
    }

    private func all(_ iterator: BatchIterator) throws -> [Batch] {
        var batches: [Batch] = []
        while let batch = try iterator.next() { batches.append(batch) }
        return batches
    }

    private func assertSame(_ one: [Batch], _ other: [Batch], line: UInt = #line) {
        XCTAssertEqual(one.map(\.index), other.map(\.index), line: line)
        assertIdentical(one.map(\.images), other.map(\.images), line: line)
        assertIdentical(one.map(\.labels), other.map(\.labels), line: line)
    }

    func testEqualsAPlainGather() throws {
        let set = try randomDataset([23, 2, 6, 5])
        let loader = try DataLoader(training: set, batchSize: 5, seed: 2)
        let batches = try all(loader.batches(epoch: 3))
        XCTAssertEqual(batches.map(\.index), [0, 1, 2, 3, 4])
        XCTAssertEqual(batches.map(\.count), [5, 5, 5, 5, 3])
        let order = Tensor(loader.sampler.order(epoch: 3).map { Int64($0) })
        func channels(_ values: [Float]) -> Tensor { Tensor(values, shape: [1, 2, 1, 1]) }
        let normalised =
            (set.images.to(.float32) / 255 - channels(set.normalization.mean))
            / channels(set.normalization.standardDeviation)
        assertClose(
            Tensor.concatenated(batches.map(\.images)), normalised.indexSelect(0, order), rtol: 1e-6, atol: 1e-6)
        assertIdentical(Tensor.concatenated(batches.map(\.labels)), set.labels.indexSelect(0, order))
    }

    func testPrefetchChangesNothing() throws {
        let plain = try all(loader(prefetch: 0).batches(epoch: 1))
        for prefetch in [1, 2, 9] {
            assertSame(try all(loader(prefetch: prefetch).batches(epoch: 1)), plain)
        }
    }

    func testEpochsDiffer() throws {
        let loader = try loader(prefetch: 2)
        let (one, two) = (try all(loader.batches(epoch: 0)), try all(loader.batches(epoch: 1)))
        XCTAssertNotEqual(bytes(of: one[0].images), bytes(of: two[0].images))
    }

    func testResume() throws {
        let loader = try loader(prefetch: 2)
        let whole = try all(loader.batches(epoch: 2))
        for start in 0...5 {
            assertSame(try all(loader.batches(epoch: 2, startingAt: start)), Array(whole[start...]))
        }
        assertThrows(try loader.batches(epoch: 0, startingAt: 6), saying: "first batch is 6", "0 to 5")
        assertThrows(try loader.batches(epoch: 0, startingAt: -1), saying: "first batch is -1", "0 to 5")
    }

    func testEvaluation() throws {
        let set = try randomDataset([9, 1, 4, 4])
        let batches = try all(DataLoader(evaluating: set, batchSize: 4).batches(epoch: 0))
        XCTAssertEqual(batches.map(\.count), [4, 4, 1])
        assertIdentical(Tensor.concatenated(batches.map(\.labels)), set.labels)
        XCTAssertEqual(try all(DataLoader(evaluating: set, batchSize: 100).batches(epoch: 0)).map(\.count), [9])
        assertThrows(try DataLoader(evaluating: set, batchSize: 0), saying: "batch size is 0", "1 to 9")
    }

    func testSeveralEpochsAtOnce() throws {
        let loader = try loader(prefetch: 2)
        let expected = [try all(loader.batches(epoch: 0)), try all(loader.batches(epoch: 1))]
        let (one, two) = (try loader.batches(epoch: 0), try loader.batches(epoch: 1))
        for index in 0..<5 {
            assertSame([try XCTUnwrap(one.next())], [expected[0][index]])
            assertSame([try XCTUnwrap(two.next())], [expected[1][index]])
        }
    }

    func testLettingGoEarlyLeaksNothing() throws {
        let loader = try loader(prefetch: 2)
        try assertNoTensorLeak {
            for taken in 0..<5 {
                let batches = try loader.batches(epoch: taken)
                for _ in 0..<taken { _ = try batches.next() }
            }
        }
    }

    func testRanges() throws {
        let set = try randomDataset([8, 1, 6, 5])
        let sampler = try BatchSampler(count: 8, batchSize: 2, seed: 0)
        for padding in [-1, 6] {
            assertThrows(
                try DataLoader(set, sampler: sampler, augmentation: Augmentation(cropPadding: padding)),
                saying: "crop padding is \(padding)", "0 to 5")
        }
        assertThrows(try DataLoader(set, sampler: sampler, prefetch: -1), saying: "prefetch is -1", "0 to 64")
        let other = try BatchSampler(count: 7, batchSize: 2, seed: 0)
        assertThrows(try DataLoader(set, sampler: other), saying: "sampler is for 7 examples", "one for 8")
        assertThrows(try DataLoader(training: set, batchSize: 9, seed: 0), saying: "batch size is 9", "1 to 8")
    }
}
