import FOP
import TestSupport
import Training
import XCTest

/// What a run tells of the optimizer's findings.
final class DiagnosticsTests: XCTestCase {
    private var directory: TemporaryDirectory!
    override func setUpWithError() throws { directory = try TemporaryDirectory() }
    override func tearDown() { directory = nil }

    private var home: RunDirectory { RunDirectory(directory.file("run")) }

    private func settings(_ interval: Int?) -> TrainingSettings {
        tinySettings(.fop) { ($0.epochs, $0.diagnostics) = (2, interval) }
    }

    private func records(_ settings: TrainingSettings) throws -> [DiagnosticsRecord] {
        var records: [DiagnosticsRecord] = []
        _ = try makeTrainer(settings).watch { if case .diagnostics(let record) = $0 { records.append(record) } }
        return records
    }

    func testTheyComeWhenAskedFor() throws {
        XCTAssertEqual(try records(settings(nil)), [])
        XCTAssertEqual(try records(settings(0)).map(\.step), [4, 8])
        let often = try records(settings(3))
        XCTAssertEqual(often.map(\.step), [3, 6])
        XCTAssertEqual(often.map(\.epoch), [1, 2])
        XCTAssertEqual(often[0].layers.first, "features.0")
        XCTAssertEqual(often[0].layers.count, often[0].found.layers.count)
        XCTAssertEqual(often[0].batchSize, 16)
        XCTAssertGreaterThan(often[0].inverses["cholesky"] ?? 0, 0)
    }

    /// Nothing is measured that nobody looks at.
    func testNoiseIsMeasuredOnlyThen() throws {
        for interval in [nil, 0, 5] {
            let fop = try XCTUnwrap(try makeTrainer(settings(interval)).session.optimizer as? FOP)
            XCTAssertEqual(fop.measuresGradientNoise, interval != nil)
        }
    }

    /// They change nothing in the run; its checkpoint has the noise scale's averages besides.
    func testTheRunIsTheSame() throws {
        let trainers = try [nil, 1].map { try makeTrainer(settings($0)) }
        for trainer in trainers { _ = try trainer.run() }
        var measured = trainers[1].checkpoint.tensors
        for name in ["noise_square", "noise_variance"] {
            XCTAssertNotNil(measured.removeValue(forKey: "optimizer.curvature.\(name)"))
        }
        assertIdentical(trainers[0].checkpoint.tensors, measured)
    }

    /// Where the step that was to be read is left out, the next one is.
    func testASkippedStepIsNotRead() throws {
        var settings = settings(2)
        // The first loss scales of float16 are too large.
        settings.precision = .float16
        let trainer = try makeTrainer(settings)
        trainer.session.optimizer.lossScale = 1e30
        var (steps, skipped) = ([Int](), 0)
        _ = try trainer.watch { event in
            switch event {
            case .diagnostics(let record): steps.append(record.step)
            case .step(let step): skipped = max(skipped, step.skippedSteps)
            default: break
            }
        }
        XCTAssertGreaterThan(skipped, 0)
        XCTAssertFalse(steps.contains(2))
    }

    func testFiles() throws {
        for parts in [2, 3] {
            var settings = settings(2)
            settings.optimizer.curvature?.subBatches = parts
            let home = RunDirectory(directory.file("run\(parts)"))
            let run = try TrainingRun(try makeTrainer(settings), in: home)
            var records: [DiagnosticsRecord] = []
            _ = try run.watch { if case .diagnostics(let record) = $0 { records.append(record) } }
            let rows = try lines(home.diagnosticsCSV).map { $0.split(separator: ",").map(String.init) }
            XCTAssertEqual(
                rows[0],
                [
                    "step", "epoch", "layer", "s", "beta", "eta", "B", "D", "E", "correction_share", "kl", "kl_base",
                    "kl_cross", "kl_orthogonal",
                ])
            let layers = records[0].layers.count
            XCTAssertEqual(rows.count, 1 + 4 * layers)
            for (number, row) in rows.dropFirst().enumerated() {
                let record = records[number / layers]
                let layer = record.found.layers[number % layers]
                XCTAssertEqual(row[0...2], ["\(record.step)", "\(record.epoch)", record.layers[number % layers]])
                XCTAssertEqual(row[3].split(separator: ";").map { Double($0) }, layer.s)
                XCTAssertEqual(row[8].split(separator: ";").count, (parts - 1) * (parts - 1))
                XCTAssertEqual(Double(row[10]), layer.klNorm)
                XCTAssertEqual(Double(row[13]), layer.klOrthogonal)
            }
            let objects = try lines(home.diagnosticsJSONLines).map { try JSONText.decode(Line.self, from: $0) }
            XCTAssertEqual(objects.count, 4)
            for (object, record) in zip(objects, records) {
                XCTAssertEqual(object.step, record.step)
                XCTAssertEqual(object.damping, record.found.damping)
                XCTAssertEqual(object.kl, record.found.klNorm)
                XCTAssertEqual(object.gradient_noise_scale, record.found.gradientNoiseScale)
                XCTAssertEqual(object.layers.map(\.layer), record.layers)
                XCTAssertEqual(object.layers.map(\.eta), record.found.layers.map(\.eta))
                XCTAssertEqual(object.layers.map(\.beta.numbers), record.found.layers.map(\.beta))
                XCTAssertEqual(object.layers.map(\.kl_cross), record.found.layers.map(\.klCross))
            }
        }
    }

    private struct Line: Decodable {
        let step: Int
        let damping, kl: Double
        let gradient_noise_scale: Double?
        let layers: [Layer]

        struct Layer: Decodable {
            let layer: String
            let eta, kl_cross: Double
            let beta: Numbers
        }

        struct Numbers: Decodable {
            let numbers: [Double]
            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                numbers = try (try? container.decode([Double].self)) ?? [container.decode(Double.self)]
            }
        }
    }

    /// Rows after the checkpoint that a run goes on from go; those before it stay.
    func testResuming() throws {
        let settings = settings(1)
        struct Killed: Error {}
        let first = try TrainingRun(try makeTrainer(settings), in: home)
        XCTAssertThrowsError(
            try first.watch { if case .step(let step) = $0, step.epoch == 2, step.step == 3 { throw Killed() } })
        XCTAssertEqual(try lines(home.diagnosticsJSONLines).count, 6)
        let trainer = try makeTrainer(settings)
        try trainer.restore(try Checkpoint(path: home.checkpoint), from: home.checkpoint)
        let second = try TrainingRun(trainer, in: home, isResumed: true)
        XCTAssertEqual(try lines(home.diagnosticsJSONLines).count, 4)
        XCTAssertEqual(try lines(home.diagnosticsCSV).count, 1 + 4 * 7)
        _ = try second.run()
        XCTAssertEqual(try lines(home.diagnosticsJSONLines).count, 8)
        XCTAssertEqual(try lines(home.diagnosticsCSV).filter { $0.hasPrefix("step,") }.count, 1)
    }

    private func lines(_ path: String) throws -> [String] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
    }
}
