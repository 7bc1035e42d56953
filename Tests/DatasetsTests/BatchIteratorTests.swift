import Foundation
import Synchronization
import TestSupport
import Torch
import XCTest

@testable import Datasets

final class BatchIteratorTests: XCTestCase {
    private struct Broken: Error {}

    /// Counts what is made and remembers on which threads.
    private final class Maker: Sendable {
        let made = Mutex<[Int]>([])
        let wasOnMainThread = Mutex(false)

        func make(_ index: Int) -> Batch {
            wasOnMainThread.withLock { $0 = $0 || Thread.isMainThread }
            made.withLock { $0.append(index) }
            return Batch(images: Tensor([Float(index)]), labels: Tensor([Int64(index)]), index: index)
        }

        var count: Int { made.withLock { $0.count } }

        /// Waits up to five seconds for that many.
        func reaches(_ count: Int) -> Bool {
            for _ in 0..<500 {
                if self.count >= count { return true }
                usleep(10_000)
            }
            return false
        }
    }

    override func setUp() { TorchRuntime.start() }

    func testBatchesAreMadeAheadElsewhere() throws {
        let maker = Maker()
        let batches = BatchIterator(0..<10, prefetch: 2) { maker.make($0) }
        XCTAssertTrue(maker.reaches(2))
        usleep(50_000)
        XCTAssertEqual(maker.count, 2)
        XCTAssertEqual(try batches.next()?.index, 0)
        XCTAssertTrue(maker.reaches(3))
        usleep(50_000)
        XCTAssertEqual(maker.count, 3)
        while try batches.next() != nil {}
        XCTAssertEqual(maker.made.withLock { $0 }, Array(0..<10))
        XCTAssertFalse(maker.wasOnMainThread.withLock { $0 })
    }

    func testWithoutPrefetchNothingIsMadeAhead() throws {
        let maker = Maker()
        let batches = BatchIterator(3..<5, prefetch: 0) { maker.make($0) }
        XCTAssertEqual(maker.count, 0)
        XCTAssertEqual(try batches.next()?.index, 3)
        XCTAssertEqual(maker.count, 1)
        XCTAssertEqual(try batches.next()?.index, 4)
        XCTAssertNil(try batches.next())
        XCTAssertNil(try batches.next())
    }

    func testErrorsArriveInOrder() throws {
        for prefetch in [0, 1, 2, 5] {
            let maker = Maker()
            let batches = BatchIterator(0..<9, prefetch: prefetch) { index in
                guard index != 3 else { throw Broken() }
                return maker.make(index)
            }
            for index in 0..<3 { XCTAssertEqual(try batches.next()?.index, index) }
            XCTAssertThrowsError(try batches.next()) { XCTAssertTrue($0 is Broken) }
            XCTAssertNil(try batches.next(), "no batch follows an error")
        }
    }

    func testFailingOperatorsThrow() throws {
        let batches = BatchIterator(0..<2, prefetch: 2) { index in
            try TorchError.catching {
                let sum = Tensor([Float(1), 2]) + Tensor([Float(1), 2, 3])
                return Batch(images: sum, labels: Tensor([Int64(0)]), index: index)
            }
        }
        assertThrowsTorchError(try batches.next())
    }

    func testLettingGoStopsThePreparation() throws {
        let maker = Maker()
        let before = Tensor.liveCount
        var batches: BatchIterator? = BatchIterator(0..<1000, prefetch: 64) { index in
            usleep(20_000)
            return maker.make(index)
        }
        XCTAssertEqual(try batches?.next()?.index, 0)
        let clock = ContinuousClock()
        let elapsed = clock.measure { batches = nil }
        let made = maker.count
        XCTAssertLessThan(elapsed, .seconds(1), "only the batch in hand is waited for")
        usleep(100_000)
        XCTAssertEqual(maker.count, made, "nothing is made afterwards")
        XCTAssertLessThan(made, 64)
        XCTAssertEqual(Tensor.liveCount, before)
    }

    func testLettingGoAtOnce() {
        for _ in 0..<200 {
            let maker = Maker()
            _ = BatchIterator(0..<5, prefetch: 2) { maker.make($0) }
        }
    }
}
