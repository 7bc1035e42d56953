import TestSupport
import Training
import XCTest

final class TrainingRequestTests: XCTestCase {
    private func settings(
        over saved: TrainingSettings? = nil, _ change: (inout TrainingRequest) -> Void
    ) throws -> TrainingSettings {
        var request = TrainingRequest()
        change(&request)
        return try request.settings(over: saved, checkpoint: "c.safetensors")
    }

    func testNothingAskedForGivesTheDefaults() throws {
        XCTAssertEqual(try settings { _ in }, TrainingSettings())
        XCTAssertEqual(TrainingSettings().problems, [])
    }

    func testEveryOptimizerBringsItsDefaults() throws {
        for kind in OptimizerKind.allCases {
            let found = try settings { $0.optimizer = kind.rawValue }
            XCTAssertEqual(found.optimizer, kind.defaults, kind.rawValue)
            XCTAssertEqual(found.optimizer.curvature != nil, kind.usesCurvature, kind.rawValue)
        }
        let asked = try settings {
            $0.optimizer = "sgd"
            $0.learningRate = 0.25
            $0.weightDecay = 0
        }
        XCTAssertEqual(asked.optimizer, OptimizerSettings(kind: .sgd, learningRate: 0.25))
    }

    func testWordsAndNumbersAreRead() throws {
        for (text, target) in [("0.9", 0.9), ("90%", 0.9), ("1", 1.0), ("99.5%", 0.995), ("none", nil)] {
            let found = try settings { $0.target = text }.target
            XCTAssertEqual(found ?? -1, target ?? -1, accuracy: 1e-15, text)
        }
        for (text, beta) in [("paper", nil), ("zero", 0.0), ("-0.5", -0.5)] {
            XCTAssertEqual(try settings { $0.beta = text }.optimizer.curvature?.beta, beta, text)
        }
        let found = try settings {
            $0.klClip = "none"
            $0.factorInterval = "7"
            $0.inverseInterval = "auto"
            $0.augment = "flip,crop"
        }
        XCTAssertNil(found.optimizer.curvature?.klClip)
        XCTAssertEqual(found.optimizer.curvature?.factorInterval, 7)
        XCTAssertNil(found.optimizer.curvature?.inverseInterval)
        XCTAssertEqual(found.augmentation, AugmentationSettings(crops: true, flips: true))
        XCTAssertEqual(try settings { $0.augment = "none" }.augmentation, AugmentationSettings())
    }

    func testEachIllegalValueIsNamedWithItsRange() {
        let cases: [(String, String, (inout TrainingRequest) -> Void)] = [
            ("--model is foo", "cnn, mlp, resnet or vit", { $0.model = "foo" }),
            ("--dataset is foo", "fashion-mnist or shapes", { $0.dataset = "foo" }),
            ("--optimizer is foo", "fop, kfac, sgd or adamw", { $0.optimizer = "foo" }),
            ("--schedule is foo", "constant, cosine, linear or step", { $0.schedule = "foo" }),
            ("--augment is crop,spin", "crop, flip, crop,flip or none", { $0.augment = "crop,spin" }),
            ("--examples is 0", "1 or more", { $0.examples = 0 }),
            ("--batch-size is 0", "from 1 to the number of training images", { $0.batchSize = 0 }),
            ("--epochs is 0", "from 1 to 1000000", { $0.epochs = 0 }),
            ("--epochs is \(Int.max)", "from 1 to 1000000", { $0.epochs = .max }),
            ("--target is 1.5", "at most 1", { $0.target = "1.5" }),
            ("--target is 0.0", "above 0", { $0.target = "0" }),
            ("--target is 1.2", "at most 1", { $0.target = "120%" }),
            ("--target is nan", "at most 1", { $0.target = "nan" }),
            ("--target is high", "90%", { $0.target = "high" }),
            ("--learning-rate is -1.0", "above 0", { $0.learningRate = -1 }),
            ("--learning-rate is inf", "finite", { $0.learningRate = .infinity }),
            ("--momentum is 1.0", "from 0 to below 1", { $0.momentum = 1 }),
            ("--weight-decay is -0.1", "0 or more", { $0.weightDecay = -0.1 }),
            ("--warmup is 31.0", "--epochs (30)", { $0.warmup = 31 }),
            ("--decay-factor is 2.0", "at most 1", { ($0.schedule, $0.decayFactor) = ("step", 2) }),
            ("--decay-epochs is 0", "from 1 to", { ($0.schedule, $0.decayEpochs) = ("step", 0) }),
            ("--decay-epochs is for --schedule step", "cosine", { $0.decayEpochs = 3 }),
            ("--damping is 0.0", "above 0", { $0.damping = 0 }),
            ("--kl-clip is 0.0", "none", { $0.klClip = "0" }),
            ("--kl-clip is x", "none", { $0.klClip = "x" }),
            ("--factor-interval is 0", "auto", { $0.factorInterval = "0" }),
            ("--inverse-interval is x", "auto", { $0.inverseInterval = "x" }),
            ("--ema-decay is 1.0", "below 1", { $0.emaDecay = 1 }),
            ("--beta is x", "paper", { $0.beta = "x" }),
            ("--beta is 0.5", "--optimizer fop", { ($0.optimizer, $0.beta) = ("kfac", "0.5") }),
            ("--damping is for the optimizers fop and kfac", "sgd", { ($0.optimizer, $0.damping) = ("sgd", 1) }),
            ("--label-smoothing is 1.0", "below 1", { $0.labelSmoothing = 1 }),
            ("device 'abacus'", "cuda:N", { $0.device = "abacus" }),
            ("--threads is 0", "1 to 1024", { $0.threads = 0 }),
            ("--checkpoint-every is 0", "1 or more", { $0.checkpointEvery = 0 }),
        ]
        for (what, range, change) in cases { assertThrows(.usage, what, range) { try settings(change) } }
    }

    func testAllProblemsAreReportedTogether() {
        XCTAssertThrowsError(
            try settings {
                $0.model = "foo"
                $0.epochs = 0
                $0.threads = 0
                $0.beta = "x"
            }
        ) { error in
            guard case TrainingError.invalidSettings(let problems) = error else { return XCTFail("\(error)") }
            XCTAssertEqual(problems.count, 4, "\(problems)")
        }
    }

    func testAResumedRunTakesWhatWasSaved() throws {
        let saved = tinySettings(.kfac)
        XCTAssertEqual(try settings(over: saved) { _ in }, saved)
        // The same again is no contradiction; these may change.
        let changed = try settings(over: saved) {
            $0.optimizer = "kfac"
            $0.batchSize = 16
            $0.epochs = 5
            $0.target = "80%"
            $0.threads = 2
            $0.checkpointEvery = 4
        }
        XCTAssertEqual(changed.epochs, 5)
        XCTAssertEqual(changed.target, 0.8)
        XCTAssertEqual(changed.optimizer, saved.optimizer)
    }

    func testAnotherRunsSettingsAreNamed() {
        let saved = tinySettings(.fop)
        assertThrows(.usage, "c.safetensors", "--batch-size is 32, the checkpoint's is 16", "--model is mlp") {
            try settings(over: saved) {
                $0.batchSize = 32
                $0.model = "mlp"
            }
        }
        assertThrows(.usage, "--damping is 0.5, the checkpoint's is 0.01") { try settings(over: saved) { $0.damping = 0.5 } }
        XCTAssertThrowsError(try settings(over: saved) { $0.optimizer = "sgd" }) { error in
            // Not also the numbers that follow from it.
            XCTAssertEqual(
                error as? TrainingError,
                .checkpointDiffers(path: "c.safetensors", differences: ["--optimizer is sgd, the checkpoint's is fop"]))
        }
    }
}
