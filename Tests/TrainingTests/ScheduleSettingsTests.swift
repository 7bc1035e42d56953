import Foundation
import Training
import XCTest

final class ScheduleSettingsTests: XCTestCase {
    private func factors(_ change: (inout ScheduleSettings) -> Void) throws -> [Double] {
        var settings = ScheduleSettings()
        change(&settings)
        let schedule = try settings.schedule(stepsPerEpoch: 4, epochs: 3)
        return (0..<12).map { schedule($0) }
    }

    private func assertEqual(_ one: [Double], _ other: [Double], line: UInt = #line) {
        XCTAssertEqual(one.count, other.count, line: line)
        for (a, b) in zip(one, other) { XCTAssertEqual(a, b, accuracy: 1e-12, line: line) }
    }

    func testShapes() throws {
        assertEqual(try factors { $0.shape = .constant }, Array(repeating: 1, count: 12))
        assertEqual(try factors { $0.shape = .linear }, (0..<12).map { 1 - Double($0) / 12 })
        assertEqual(try factors { $0.shape = .cosine }, (0..<12).map { (1 + cos(.pi * Double($0) / 12)) / 2 })
        assertEqual(
            try factors { $0.shape = .step }, [1, 1, 1, 1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01])
        assertEqual(
            try factors {
                $0.shape = .step
                $0.decayEpochs = 2
                $0.decayFactor = 0.5
            }, [1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5])
    }

    func testWarmUpComesFirstAndTheCourseEndsWithTheLastEpoch() throws {
        assertEqual(
            try factors {
                $0.shape = .linear
                $0.warmup = 0.5
            }, [0.5, 0.75] + (0..<10).map { 1 - Double($0) / 10 })
    }

    func testTheTrainerUsesIt() throws {
        let settings = tinySettings {
            $0.schedule.shape = .linear
            $0.epochs = 2
        }
        let trainer = try makeTrainer(settings)
        var rates: [Double] = []
        _ = try trainer.watch { event in
            if case .step = event { rates.append(trainer.session.optimizer.learningRate) }
        }
        assertEqual(rates, (0..<8).map { 0.05 * (1 - Double($0) / 8) })
        assertEqual(trainer.progress.history.map(\.learningRate), [rates[3], rates[7]])
    }
}
