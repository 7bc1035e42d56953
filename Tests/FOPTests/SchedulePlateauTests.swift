import FOP
import TestSupport
import Torch
import XCTest

final class SchedulePlateauTests: XCTestCase {
    private func cases() throws -> [String: ReduceOnPlateau] {
        [
            "default": try ReduceOnPlateau(patience: 3),
            "maximize": try ReduceOnPlateau(.maximize, factor: 0.5, patience: 2, threshold: .relative(0.02)),
            "absolute": try ReduceOnPlateau(
                factor: 0.5, patience: 1, threshold: .absolute(0.05), cooldown: 3, minimum: 0.03),
            "maximize-absolute": try ReduceOnPlateau(
                .maximize, factor: 0.3, patience: 0, threshold: .absolute(0.1), epsilon: 1e-3),
        ]
    }

    private func metrics(_ fixture: FixtureFile, _ mode: ReduceOnPlateau.Mode) throws -> [Double] {
        let metrics = try fixture.tensor("plateau/metrics").scalars(as: Double.self)
        return mode == .maximize ? metrics.map { 1.5 - $0 } : metrics
    }

    func testEqualsTorch() throws {
        let fixture = try FixtureFile("training.safetensors")
        for (name, start) in try cases() {
            var plateau = start
            var rate = 0.5
            let rates = try metrics(fixture, plateau.mode).map { metric in
                rate = plateau.next(rate, after: metric)
                return rate
            }
            assertClose(Tensor(rates), try fixture.tensor("plateau/\(name)"), rtol: 1e-12, atol: 0, name)
        }
    }

    func testGoesOnFromItsState() throws {
        let fixture = try FixtureFile("training.safetensors")
        for (name, start) in try cases() {
            let metrics = try metrics(fixture, start.mode)
            for stop in 0..<metrics.count {
                var first = start
                var rate = 0.5
                for metric in metrics[..<stop] { rate = first.next(rate, after: metric) }
                var second = start
                try second.load(first.state)
                XCTAssertEqual(second, first, "\(name) stopped after \(stop)")
            }
        }
    }

    func testAStateThatDoesNotFitChangesNothing() throws {
        var plateau = try ReduceOnPlateau(patience: 0)
        _ = plateau.next(0.1, after: 3)
        let before = plateau
        var state = plateau.state
        state["cooldown_left"] = nil
        assertThrowsTorchError(try plateau.load(state)) { assertContains("\($0)", "no 'cooldown_left'") }
        XCTAssertEqual(plateau, before)
    }

    func testEverythingOutOfRangeIsNamedAtOnce() {
        assertThrowsTorchError(
            try ReduceOnPlateau(
                factor: 1, patience: -1, threshold: .absolute(-1), cooldown: -2, minimum: .nan, epsilon: -1)
        ) { error in
            XCTAssertEqual(
                error,
                .invalidValue(
                    """
                    factor is 1.0: use a number from 0 to below 1; patience is -1: use a whole number of 0 or more; \
                    threshold is -1.0: use a finite number of 0 or more; cooldown is -2: use a whole number of 0 or more; \
                    minimum is nan: use a finite number of 0 or more; epsilon is -1.0: use a finite number of 0 or more
                    """))
        }
    }
}
