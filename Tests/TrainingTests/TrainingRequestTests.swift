import TestSupport
import Training
import XCTest

final class TrainingRequestTests: XCTestCase {
    private func settings(
        over saved: TrainingSettings? = nil, _ options: [String: String] = [:]
    ) throws -> TrainingSettings {
        var request = TrainingRequest()
        for (option, text) in options { request[option] = text }
        return try request.settings(over: saved, checkpoint: "c.safetensors")
    }

    func testNothingAskedForGivesTheDefaults() throws {
        XCTAssertEqual(try settings(), TrainingSettings())
        XCTAssertEqual(TrainingSettings().problems, [])
    }

    func testEveryOptimizerBringsItsDefaults() throws {
        for kind in OptimizerKind.allCases {
            let found = try settings(["--optimizer": kind.rawValue])
            XCTAssertEqual(found.optimizer, kind.defaults, kind.rawValue)
            XCTAssertEqual(found.optimizer.curvature != nil, kind.usesCurvature, kind.rawValue)
        }
        let asked = try settings(["--optimizer": "adamw", "--learning-rate": "0.25", "--weight-decay": "0"])
        var expected = OptimizerKind.adamw.defaults
        (expected.learningRate, expected.weightDecay) = (0.25, 0)
        XCTAssertEqual(asked.optimizer, expected)
    }

    func testWordsAndNumbersAreRead() throws {
        for (text, target) in [("0.9", 0.9), ("90%", 0.9), ("1", 1.0), ("99.5%", 0.995), ("none", nil)] {
            let found = try settings(["--target": text]).target
            XCTAssertEqual(found ?? -1, target ?? -1, accuracy: 1e-15, text)
        }
        for (text, beta) in [("paper", nil), ("zero", 0.0), ("-0.5", -0.5)] {
            XCTAssertEqual(try settings(["--beta": text]).optimizer.curvature?.beta, beta, text)
        }
        for (text, choice) in [("auto", FactorExamplesChoice.automatic), ("all", .all), ("77", .atMost(77))] {
            XCTAssertEqual(try settings(["--factor-examples": text]).optimizer.curvature?.factorExamples, choice)
        }
        for (text, interval) in [("none", nil), ("epoch", 0), ("3", 3)] {
            XCTAssertEqual(try settings(["--diagnostics": text]).diagnostics, interval)
        }
        let found = try settings([
            "--kl-clip": "none", "--factor-interval": "7", "--inverse-interval": "auto", "--augment": "flip,crop",
            "--schedule": "multi-step", "--decay-epochs": "4,9",
        ])
        XCTAssertNil(found.optimizer.curvature?.klClip)
        XCTAssertEqual(found.optimizer.curvature?.factorInterval, 7)
        XCTAssertNil(found.optimizer.curvature?.inverseInterval)
        XCTAssertEqual(found.augmentation, AugmentationSettings(crops: true, flips: true))
        XCTAssertEqual(found.schedule.decayEpochs, [4, 9])
        XCTAssertEqual(try settings(["--augment": "none"]).augmentation, AugmentationSettings())
    }

    // MARK: Every option

    /// Another value than the default of every option, and what else it needs.
    private let others: [String: (value: String, with: [String: String])] = [
        "--model": ("mlp", [:]), "--dataset": ("shapes", [:]), "--data": ("/somewhere", [:]), "--examples": ("100", [:]),
        "--augment": ("flip", [:]), "--optimizer": ("kfac", [:]), "--learning-rate": ("0.5", [:]),
        "--base-batch-size": ("256", [:]), "--momentum": ("0.5", [:]), "--weight-decay": ("0.25", [:]),
        "--second-beta": ("0.5", ["--optimizer": "adamw"]), "--epsilon": ("0.5", ["--optimizer": "soap"]),
        "--nesterov": ("on", ["--optimizer": "sgd"]), "--matrix-interval": ("3", ["--optimizer": "shampoo"]),
        "--grafting": ("rmsprop", ["--optimizer": "shampoo"]),
        "--adamw-learning-rate": ("0.5", ["--optimizer": "muon"]), "--schedule": ("linear", [:]),
        "--warmup": ("1.5", [:]), "--decay-epochs": ("2", ["--schedule": "step"]),
        "--decay-factor": ("0.5", ["--schedule": "plateau"]), "--final-share": ("0.5", [:]),
        "--cycle-rise": ("0.5", ["--schedule": "one-cycle"]), "--patience": ("7", ["--schedule": "plateau"]),
        "--plateau-metric": ("train-loss", ["--schedule": "plateau"]), "--fisher": ("exact", [:]),
        "--fisher-samples": ("3", ["--fisher": "monte-carlo"]), "--weight-sharing": ("reduce", [:]),
        "--factor-interval": ("3", [:]), "--inverse-interval": ("3", [:]), "--stagger-curvature": ("on", [:]),
        "--factor-examples": ("all", [:]),
        "--block": ("ekfac", [:]), "--max-factor-size": ("64", [:]),
        "--max-vocabulary": ("5", [:]), "--ema-decay": ("0.5", [:]), "--damping": ("0.5", [:]), "--damping-policy": ("adaptive", [:]),
        "--final-damping": ("0.5", ["--damping-policy": "scheduled"]),
        "--damping-interval": ("3", ["--damping-policy": "adaptive"]),
        "--damping-decay": ("0.5", ["--damping-policy": "adaptive"]),
        "--minimum-damping": ("0.5", ["--damping-policy": "adaptive"]),
        "--maximum-damping": ("0.5", ["--damping-policy": "adaptive"]), "--beta": ("0.5", [:]), "--eta": ("off", [:]),
        "--metric": ("damped", [:]), "--sub-batches": ("4", [:]), "--split": ("example", [:]), "--kl-clip": ("0.5", [:]),
        "--fallback": ("adamw", [:]), "--fallback-rate": ("0.5", [:]), "--batch-size": ("64", [:]),
        "--micro-batches": ("4", [:]), "--slice-size": ("16", [:]), "--epochs": ("7", [:]), "--target": ("0.5", [:]),
        "--label-smoothing": ("0.5", [:]), "--weight-average": ("0.5", [:]), "--seed": ("7", [:]),
        "--checkpoint-every": ("7", [:]), "--diagnostics": ("7", [:]), "--precision": ("bfloat16", [:]),
        "--clip-norm": ("0.5", [:]), "--max-skipped": ("7", [:]), "--device": ("cuda", [:]), "--threads": ("7", [:]),
    ]
    private let changeable: Set = [
        "--data", "--epochs", "--target", "--checkpoint-every", "--diagnostics", "--device", "--threads",
    ]

    /// It is read, changes the settings and survives a file; a resumed run refuses another value unless it may change.
    func testEveryOption() throws {
        XCTAssertEqual(Set(others.keys), Set(TrainingRequest.options))
        for (option, (value, needed)) in others {
            let before = try settings(needed)
            let changed = try settings(needed.merging([option: value]) { $1 })
            XCTAssertNotEqual(changed, before, option)
            XCTAssertEqual(try JSONText.decode(TrainingSettings.self, from: JSONText.encode(changed)), changed, option)
            XCTAssertEqual(
                changed.special(without: Set(needed.keys)).map(\.option).filter { $0 != "--beta" || option == "--beta" },
                option == "--optimizer" ? [] : [option], option)
            XCTAssertEqual(try settings(over: changed, [option: value]), changed, option)
            if changeable.contains(option) {
                XCTAssertEqual(try settings(over: before, [option: value]), changed, option)
            } else {
                assertThrows(.usage, "\(option) is \(value), the checkpoint's is ") {
                    try settings(over: before, [option: value])
                }
            }
        }
    }

    /// What has no meaning is refused, with what it is for.
    func testOptionsWithoutAMeaning() {
        for (option, (value, needed)) in others {
            guard let (other, word) = needed.first else { continue }
            assertThrows(.usage, "\(option) is for \(other) ", word, ": leave it out") { try settings([option: value]) }
        }
        for option in ["--damping", "--fisher", "--fallback", "--kl-clip", "--beta", "--diagnostics"] {
            assertThrows(.usage, "\(option) is for --optimizer fop or kfac, not for muon: leave it out") {
                try settings(["--optimizer": "muon", option: others[option]!.value])
            }
        }
        assertThrows(.usage, "--sub-batches is for --optimizer fop, not for kfac") {
            try settings(["--optimizer": "kfac", "--sub-batches": "3"])
        }
        assertThrows(.usage, "--colour is not an option") { try settings(["--colour": "red"]) }
    }

    func testEachIllegalValueIsNamedWithItsRange() {
        let step = ["--schedule": "step"]
        let adaptive = ["--damping-policy": "adaptive"]
        let cases: [(String, String, [String: String])] = [
            ("--model is foo", "cnn, mlp, resnet or vit", ["--model": "foo"]),
            ("--dataset is foo", "fashion-mnist or shapes", ["--dataset": "foo"]),
            ("--optimizer is foo", "fop, kfac, sgd, adamw, lamb", ["--optimizer": "foo"]),
            ("--schedule is foo", "constant, cosine, linear, step", ["--schedule": "foo"]),
            ("--augment is crop,spin", "crop, flip, crop,flip or none", ["--augment": "crop,spin"]),
            ("--examples is 0", "1 or more", ["--examples": "0"]),
            ("--batch-size is 0", "from 1 to the number of training images", ["--batch-size": "0"]),
            ("--batch-size is many", "from 1 to the number of training images", ["--batch-size": "many"]),
            ("--micro-batches is 2049", "--batch-size (2048)", ["--micro-batches": "2049"]),
            ("--epochs is 0", "from 1 to 1000000", ["--epochs": "0"]),
            ("--epochs is \(Int.max)", "from 1 to 1000000", ["--epochs": "\(Int.max)"]),
            ("--target is 1.5", "at most 1", ["--target": "1.5"]),
            ("--target is 0.0", "above 0", ["--target": "0"]),
            ("--target is 1.2", "at most 1", ["--target": "120%"]),
            ("--target is nan", "at most 1", ["--target": "nan"]),
            ("--target is high", "90%", ["--target": "high"]),
            ("--learning-rate is -1.0", "above 0", ["--learning-rate": "-1"]),
            ("--learning-rate is inf", "finite", ["--learning-rate": "inf"]),
            ("--base-batch-size is 0", "none", ["--base-batch-size": "0"]),
            ("--momentum is 1.0", "from 0 to below 1", ["--momentum": "1"]),
            ("--weight-decay is -0.1", "0 or more", ["--weight-decay": "-0.1"]),
            ("--grafting is adam", "none, sgd, adagrad", ["--optimizer": "shampoo", "--grafting": "adam"]),
            ("--nesterov is yes", "on or off", ["--optimizer": "sgd", "--nesterov": "yes"]),
            ("--warmup is 31.0", "--epochs (30)", ["--warmup": "31"]),
            ("--warmup is -1.0", "from 0", ["--warmup": "-1"]),
            ("--warmup is 1.0", "--cycle-rise", ["--warmup": "1", "--schedule": "one-cycle"]),
            ("--decay-factor is 2.0", "at most 1", ["--decay-factor": "2"].merging(step) { $1 }),
            ("--decay-epochs is 0", "from 1 to", ["--decay-epochs": "0"].merging(step) { $1 }),
            ("--decay-epochs is [1, 2]", "multi-step", ["--decay-epochs": "1,2"].merging(step) { $1 }),
            ("--decay-epochs is 3,2", "larger", ["--decay-epochs": "3,2", "--schedule": "multi-step"]),
            ("--decay-epochs is 3,,2", "commas", ["--decay-epochs": "3,,2", "--schedule": "multi-step"]),
            ("--final-share is 1.0", "below 1", ["--final-share": "1"]),
            ("--patience is -1", "0 or more", ["--schedule": "plateau", "--patience": "-1"]),
            ("--damping is 0.0", "above 0", ["--damping": "0"]),
            ("--damping-policy is free", "fixed, scheduled or adaptive", ["--damping-policy": "free"]),
            ("--damping-decay is 1.0", "between 0 and 1", ["--damping-decay": "1"].merging(adaptive) { $1 }),
            (
                "--minimum-damping is 10.0", "--maximum-damping (1.0)",
                ["--minimum-damping": "10", "--maximum-damping": "1"].merging(adaptive) { $1 }
            ),
            ("--fisher is true", "empirical, monte-carlo or exact", ["--fisher": "true"]),
            ("--fisher-samples is 0", "1 or more", ["--fisher": "monte-carlo", "--fisher-samples": "0"]),
            ("--factor-examples is 0", "all", ["--factor-examples": "0"]),
            ("--kl-clip is 0.0", "none", ["--kl-clip": "0"]),
            ("--kl-clip is x", "none", ["--kl-clip": "x"]),
            ("--factor-interval is 0", "auto", ["--factor-interval": "0"]),
            ("--inverse-interval is x", "auto", ["--inverse-interval": "x"]),
            ("--ema-decay is 1.0", "below 1", ["--ema-decay": "1"]),
            ("--beta is x", "paper", ["--beta": "x"]),
            ("--beta is 0.5", "--optimizer fop", ["--optimizer": "kfac", "--beta": "0.5"]),
            ("--sub-batches is 1", "2 or more", ["--sub-batches": "1"]),
            ("--sub-batches is 3", "--beta paper", ["--sub-batches": "3", "--beta": "0.5"]),
            ("--label-smoothing is 1.0", "below 1", ["--label-smoothing": "1"]),
            ("--weight-average is 1.0", "none", ["--weight-average": "1"]),
            ("--precision is float64", "float32, bfloat16 or float16", ["--precision": "float64"]),
            ("--clip-norm is 0.0", "none", ["--clip-norm": "0"]),
            ("--max-skipped is 0", "1 or more", ["--max-skipped": "0"]),
            ("--diagnostics is -1", "epoch", ["--diagnostics": "-1"]),
            ("device 'abacus'", "cuda:N", ["--device": "abacus"]),
            ("--threads is 0", "1 to 1024", ["--threads": "0"]),
            ("--seed is -1", "0 or more", ["--seed": "-1"]),
            ("--checkpoint-every is 0", "1 or more", ["--checkpoint-every": "0"]),
        ]
        for (what, range, options) in cases { assertThrows(.usage, what, range) { try settings(options) } }
    }

    func testAllProblemsAreReportedTogether() {
        XCTAssertThrowsError(
            try settings(["--model": "foo", "--epochs": "0", "--threads": "0", "--beta": "x"])
        ) { error in
            guard case TrainingError.invalidSettings(let problems) = error else { return XCTFail("\(error)") }
            XCTAssertEqual(problems.count, 4, "\(problems)")
        }
    }

    // MARK: Resuming

    func testAResumedRunTakesWhatWasSaved() throws {
        let saved = tinySettings(.kfac)
        XCTAssertEqual(try settings(over: saved), saved)
        // The same again is no contradiction; these may change.
        let changed = try settings(
            over: saved,
            [
                "--optimizer": "kfac", "--batch-size": "16", "--epochs": "5", "--target": "80%", "--threads": "2",
                "--checkpoint-every": "4",
            ])
        XCTAssertEqual(changed.epochs, 5)
        XCTAssertEqual(changed.target, 0.8)
        XCTAssertEqual(changed.optimizer, saved.optimizer)
    }

    func testAnotherRunsSettingsAreNamed() {
        let saved = tinySettings(.fop)
        assertThrows(.usage, "c.safetensors", "--batch-size is 32, the checkpoint's is 16", "--model is mlp") {
            try settings(over: saved, ["--batch-size": "32", "--model": "mlp"])
        }
        assertThrows(.usage, "--damping is 0.5, the checkpoint's is auto") { try settings(over: saved, ["--damping": "0.5"]) }
        assertThrows(.usage, "--decay-epochs is 3, the checkpoint's is not set") {
            try settings(over: saved, ["--schedule": "step", "--decay-epochs": "3"])
        }
        XCTAssertThrowsError(try settings(over: saved, ["--optimizer": "sgd"])) { error in
            // Not also the numbers that follow from it.
            XCTAssertEqual(
                error as? TrainingError,
                .checkpointDiffers(path: "c.safetensors", differences: ["--optimizer is sgd, the checkpoint's is fop"]))
        }
    }
}
