import TestSupport
import XCTest

@testable import FOPCore

/// The assignment of blocks to the steps of an interval.
final class LevelOffsetsTests: XCTestCase {
    private func loads(_ costs: [Double], _ offsets: [Int], steps: Int) -> [Double] {
        var loads = [Double](repeating: 0, count: steps)
        for (cost, offset) in zip(costs, offsets) { loads[offset - 1] += cost }
        return loads
    }

    private func randomCosts(_ count: Int, seed: UInt64) -> [Double] {
        randomTensor([count], seed: seed).scalars(as: Double.self).map { exp(3 * $0) }
    }

    /// The dearest step of all assignments, tried out.
    private func leastMaximum(_ costs: [Double], steps: Int) -> Double {
        var assignments = [[Double](repeating: 0, count: steps)]
        for cost in costs {
            assignments = assignments.flatMap { loads in
                (0..<steps).map { step in
                    var next = loads
                    next[step] += cost
                    return next
                }
            }
        }
        return assignments.map { $0.max()! }.min()!
    }

    /// Graham's bound, 4/3 - 1/(3 m) of the best there is.
    func testNoStepHasMuchMoreThanTheBestAssignmentGivesIt() {
        for seed in 0..<10 {
            for steps in [2, 3, 4] {
                let costs = randomCosts(7, seed: UInt64(seed))
                let found = levelOffsets(costs: costs, steps: steps, cycle: steps)
                XCTAssertTrue(found.allSatisfy { (1...steps).contains($0) })
                let bound = (4.0 / 3 - 1 / (3 * Double(steps))) * leastMaximum(costs, steps: steps)
                XCTAssertLessThanOrEqual(loads(costs, found, steps: steps).max()!, bound * (1 + 1e-12))
            }
        }
    }

    func testEqualBlocksAreSpreadEvenly() {
        for (count, steps) in [(12, 4), (3, 10), (10, 10), (25, 10), (1, 1), (5, 1)] {
            let costs = [Double](repeating: 2, count: count)
            let loads = loads(costs, levelOffsets(costs: costs, steps: steps, cycle: steps), steps: steps)
            XCTAssertEqual(loads.max()!, 2 * Double((count + steps - 1) / steps), "\(count) blocks, \(steps) steps")
        }
        XCTAssertEqual(levelOffsets(costs: [], steps: 10, cycle: 5), [])
    }

    /// What goes round in fewer steps is level too, where the longer interval leaves the choice.
    func testTheShorterIntervalIsLevelToo() {
        let costs = [8.0, 7, 6, 5]
        let offsets = levelOffsets(costs: costs, steps: 8, cycle: 2)
        XCTAssertEqual(Set(offsets).count, 4)
        XCTAssertEqual(loads(costs, offsets.map { ($0 - 1) % 2 + 1 }, steps: 2), [13, 13])
    }
}
