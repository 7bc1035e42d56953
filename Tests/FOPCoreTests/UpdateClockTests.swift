import XCTest

@testable import FOPCore

/// When factors and inverses are due.
final class UpdateClockTests: XCTestCase {
    /// The small batch that is left at the end of an epoch, here of 7 after some of 60,000, does not put off the next update.
    func testAutomaticIntervalsGoByTheLargestBatch() {
        var clock = UpdateClock(steps: 20, sinceFactors: 4, sinceInverses: 5)
        clock.advance(updatedFactors: false, updatedInverses: false, batchSize: 60_000)
        clock.advance(updatedFactors: true, updatedInverses: false, batchSize: 7)
        XCTAssertFalse(clock.isDue(clock.sinceFactors, .automatic))
        XCTAssertTrue(clock.isDue(clock.sinceInverses, .automatic))
        XCTAssertEqual(clock.largestBatchSize, 60_000)
    }
}
