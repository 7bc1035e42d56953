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
                $0.decayEpochs = [2]
                $0.decayFactor = 0.5
            }, [1, 1, 1, 1, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5])
    }

    func testMoreShapes() throws {
        func repeated(_ values: [Double]) -> [Double] { values.flatMap { Array(repeating: $0, count: 4) } }
        assertEqual(try factors { $0.shape = .exponential }, repeated([1, 0.9, 0.81]))
        assertEqual(
            try factors { ($0.shape, $0.decayFactor) = (.exponential, 0.5) }, repeated([1, 0.5, 0.25]))
        assertEqual(
            try factors { ($0.shape, $0.decayEpochs) = (.multiStep, [1, 2]) }, repeated([1, 0.1, 0.01]))
        // A half and three quarters of three epochs: after the first and after the second.
        assertEqual(try factors { $0.shape = .multiStep }, repeated([1, 0.1, 0.01]))
        let shares = (0..<12).map { Double($0) / 12 }
        assertEqual(
            try factors { ($0.shape, $0.finalShare) = (.cosine, 0.2) }, shares.map { 0.6 + 0.4 * cos(.pi * $0) })
        assertEqual(try factors { ($0.shape, $0.finalShare) = (.linear, 0.25) }, shares.map { 1 - 0.75 * $0 })
        let cycle: [Double] = try factors { ($0.shape, $0.cycleRise) = (.oneCycle, 0.5) }
        assertEqual([cycle[0], cycle[5], cycle[11]], [0.04, 1, 4e-6])
        assertEqual(try factors { $0.shape = .plateau }, Array(repeating: 1, count: 12))
    }

    /// The learning rate falls after more epochs without progress than are tolerated, and follows from the epochs alone.
    func testPlateau() throws {
        var settings = ScheduleSettings()
        settings.shape = .plateau
        settings.patience = 1
        settings.finalShare = 0.05
        let trainer = try makeTrainer(tinySettings { $0.epochs = 1 })
        _ = try trainer.run()
        func record(_ loss: Double, _ accuracy: Double = 0.5) -> EpochRecord {
            var record = trainer.progress.history[0]
            (record.trainLoss, record.testLoss, record.testAccuracy) = (7, loss, accuracy)
            return record
        }
        let losses: [Double] = [1, 0.9, 0.95, 0.92, 0.91, 0.93, 1, 1]
        let rates = try losses.indices.map { epochs in
            try settings.learningRate(2, after: losses.prefix(epochs).map { record($0) })
        }
        assertEqual(rates, [2, 2, 2, 2, 0.2, 0.2, 0.1, 0.1])
        settings.plateauMetric = .testAccuracy
        let rising = (0..<8).map { record(1, 0.1 * Double($0 + 1)) }
        XCTAssertEqual(try settings.learningRate(2, after: rising), 2)
        XCTAssertEqual(try settings.learningRate(2, after: rising.reversed()), 0.1)
        settings.plateauMetric = .trainLoss
        XCTAssertEqual(try settings.learningRate(2, after: rising), 0.1)
        settings.shape = .constant
        XCTAssertEqual(try settings.learningRate(2, after: rising), 2)
    }

    func testTheTrainerFollowsThePlateau() throws {
        let settings = tinySettings {
            $0.schedule.shape = .plateau
            $0.schedule.patience = 0
            // The first epochs go wrong.
            $0.optimizer.learningRate = 5
            $0.epochs = 5
        }
        let trainer = try makeTrainer(settings)
        _ = try trainer.run()
        let history = trainer.progress.history
        for (epochs, record) in history.enumerated() {
            XCTAssertEqual(
                record.learningRate, try settings.schedule.learningRate(5, after: Array(history.prefix(epochs))))
        }
        XCTAssertLessThan(history[4].learningRate, 5)
    }

    func testTheLinearScalingRule() throws {
        let settings = tinySettings {
            ($0.optimizer.learningRate, $0.optimizer.baseBatchSize, $0.schedule.shape) = (0.05, 64, .constant)
            $0.epochs = 1
        }
        let trainer = try makeTrainer(settings)
        XCTAssertEqual(trainer.session.optimizer.learningRate, 0.05 * 16 / 64)
        _ = try trainer.run()
        XCTAssertEqual(trainer.progress.history[0].learningRate, 0.05 * 16 / 64)
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
