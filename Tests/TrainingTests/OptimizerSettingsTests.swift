import FOP
import FOPCore
import Torch
import Training
import XCTest

/// Settings reach the optimizer.
final class OptimizerSettingsTests: XCTestCase {
    private func optimizer(_ kind: OptimizerKind, _ change: (inout OptimizerSettings) -> Void) throws -> any Optimizer {
        var settings = TrainingSettings()
        settings.optimizer = kind.defaults
        settings.batchSize = 512
        settings.maximumSkippedSteps = 7
        change(&settings.optimizer)
        return try settings.makeOptimizer(for: Sequential(Linear(4, 3), ReLU(), Linear(3, 2)), steps: 11)
    }

    private func options(_ change: (inout CurvatureSettings) -> Void) throws -> FOPOptions {
        let fop = try XCTUnwrap(
            try optimizer(.fop) { settings in
                (settings.momentum, settings.weightDecay) = (0.8, 0.25)
                change(&settings.curvature!)
            } as? FOP)
        return fop.options
    }

    func testTheDefaultsAreTheLibrarys() throws {
        var expected = FOPOptions()
        (expected.momentum, expected.weightDecay, expected.maximumSkippedSteps) = (0.8, 0.25, 7)
        XCTAssertEqual(try options { _ in }, expected)
        expected.curvature.beta = .zero
        let kfac = try XCTUnwrap(
            try optimizer(.kfac) { ($0.momentum, $0.weightDecay) = (0.8, 0.25) } as? FOP)
        XCTAssertEqual(kfac.options, expected)
    }

    func testEveryOptionOfFOP() throws {
        typealias Configuration = CurvatureConfiguration
        let cases: [((inout CurvatureSettings) -> Void, (inout Configuration) -> Void)] = [
            ({ ($0.fisher, $0.fisherSamples) = (.monteCarlo, 3) }, { $0.fisher = .monteCarlo(samples: 3) }),
            ({ $0.fisher = .exact }, { $0.fisher = .exact }),
            ({ $0.weightSharing = .reduce }, { $0.weightSharing = .reduce }),
            ({ $0.factorInterval = 3 }, { $0.factorInterval = .every(3) }),
            ({ $0.inverseInterval = 4 }, { $0.inverseInterval = .every(4) }),
            ({ $0.staggersCurvature = true }, { $0.staggersCurvature = true }),
            ({ $0.factorExamples = .all }, { $0.factorExamples = .all }),
            ({ $0.factorExamples = .atMost(9) }, { $0.factorExamples = .atMost(9) }),
            ({ $0.emaDecay = 0.5 }, { $0.emaDecay = 0.5 }),
            ({ $0.block = .ekfac }, { $0.block = .ekfac }),
            ({ $0.block = .diagonal }, { $0.block = .diagonal }),
            ({ $0.block = .fallback }, { $0.block = .fallback }),
            ({ $0.maximumFactorSize = 5 }, { $0.maximumFactorSize = 5 }),
            ({ $0.maximumVocabulary = 5 }, { $0.maximumVocabulary = 5 }),
            ({ $0.damping = 0.5 }, { $0.damping = 0.5 }),
            ({ $0.beta = 0 }, { $0.beta = .zero }),
            ({ $0.beta = -0.5 }, { $0.beta = .fixed(-0.5) }),
            ({ $0.eta = .sum }, { $0.eta = .sum }),
            ({ $0.eta = .off }, { $0.eta = .off }),
            ({ $0.metric = .damped }, { $0.metric = .damped }),
            ({ $0.subBatches = 4 }, { $0.subBatches = 4 }),
            ({ $0.split = .example }, { $0.split = .example }),
            ({ $0.split = .microBatch }, { $0.split = .microBatch }),
            ({ $0.klClip = nil }, { $0.klClip = nil }),
        ]
        for (number, (set, expect)) in cases.enumerated() {
            var expected = Configuration()
            expect(&expected)
            XCTAssertEqual(try options(set).curvature, expected, "case \(number)")
        }
    }

    func testDampingPolicies() throws {
        let adaptive = try options {
            $0.dampingPolicy = .adaptive
            ($0.adaptive.interval, $0.adaptive.decay) = (3, 0.5)
            ($0.adaptive.minimum, $0.adaptive.maximum) = (0.1, 10)
        }
        guard case .adaptive(let rule) = adaptive.curvature.dampingPolicy else { return XCTFail("\(adaptive)") }
        XCTAssertEqual([Double(rule.interval), rule.decay, rule.minimum, rule.maximum], [3, 0.5, 0.1, 10])
        // From the first to the last of the run's 11 steps, by equal factors.
        for (end, factors) in [(nil, [1, 0.1.squareRoot(), 0.1, 0.1]), (0.04, [1, 2, 4, 4])] {
            let scheduled = try options { ($0.dampingPolicy, $0.damping, $0.finalDamping) = (.scheduled, 0.01, end) }
            guard case .scheduled(let factor) = scheduled.curvature.dampingPolicy else { return XCTFail("\(scheduled)") }
            for (step, expected) in zip([0, 5, 10, 99], factors) {
                XCTAssertEqual(factor(step), expected, accuracy: 1e-12, "step \(step)")
            }
        }
    }

    func testTheFallback() throws {
        func fallback(_ model: String, _ change: (inout CurvatureSettings) -> Void = { _ in }) throws -> FallbackOptions {
            var settings = TrainingSettings()
            settings.model = model
            change(&settings.optimizer.curvature!)
            let optimizer = try settings.makeOptimizer(for: Linear(2, 2), steps: 1)
            return try XCTUnwrap(optimizer as? FOP).options.fallback
        }
        XCTAssertEqual(try fallback("resnet"), FallbackOptions())
        XCTAssertEqual(try fallback("vit"), FallbackOptions(rule: .adamW(), learningRateScale: 0.03))
        XCTAssertEqual(try fallback("vit") { $0.fallback = .sgd }, FallbackOptions())
        XCTAssertEqual(
            try fallback("cnn") { ($0.fallback, $0.fallbackRate) = (.adamw, 0.5) },
            FallbackOptions(rule: .adamW(), learningRateScale: 0.5))
    }

    func testTheOtherOptimizers() throws {
        let sgd = try XCTUnwrap(
            try optimizer(.sgd) { ($0.nesterov, $0.baseBatchSize) = (true, 128) } as? SGD)
        XCTAssertEqual(sgd.rule, SGDRule(momentum: 0.9, weightDecay: 5e-4, nesterov: true))
        XCTAssertEqual(sgd.learningRate, 4 * 0.4, accuracy: 1e-12)
        XCTAssertEqual(sgd.maximumSkippedSteps, 7)

        let adamW = try XCTUnwrap(
            try optimizer(.adamw) { ($0.momentum, $0.secondBeta, $0.epsilon) = (0.8, 0.7, 0.1) } as? AdamW)
        XCTAssertEqual([adamW.rule.betas.0, adamW.rule.betas.1, adamW.rule.epsilon], [0.8, 0.7, 0.1])
        let lamb = try XCTUnwrap(
            try optimizer(.lamb) { ($0.momentum, $0.secondBeta, $0.epsilon) = (0.8, 0.7, 0.1) } as? LAMB)
        XCTAssertEqual([lamb.rule.betas.0, lamb.rule.betas.1, lamb.rule.epsilon], [0.8, 0.7, 0.1])
        XCTAssertEqual(lamb.maximumSkippedSteps, 7)

        let shampoo = try XCTUnwrap(
            try optimizer(.shampoo) { ($0.secondBeta, $0.nesterov, $0.matrixInterval, $0.grafting) = (0.7, false, 3, .adagrad) }
                as? Shampoo)
        XCTAssertEqual(shampoo.rule.betas.1, 0.7)
        XCTAssertEqual(shampoo.rule.interval, 3)
        XCTAssertEqual(shampoo.rule.grafting, .adaGrad)
        XCTAssertFalse(shampoo.rule.nesterov)

        let soap = try XCTUnwrap(
            try optimizer(.soap) { ($0.secondBeta, $0.epsilon, $0.matrixInterval) = (0.7, 0.1, 3) } as? SOAP)
        XCTAssertEqual([soap.rule.betas.0, soap.rule.betas.1, soap.rule.epsilon], [0.95, 0.7, 0.1])
        XCTAssertEqual(soap.rule.interval, 3)

        let muon = try XCTUnwrap(
            try optimizer(.muon) { ($0.nesterov, $0.adamWLearningRate, $0.baseBatchSize) = (false, 0.01, 256) } as? Muon)
        XCTAssertFalse(muon.rule.nesterov)
        XCTAssertEqual(muon.learningRate, 0.04, accuracy: 1e-12)
        XCTAssertEqual(muon.learningRate * muon.rule.adamWLearningRateScale, 0.02, accuracy: 1e-12)
    }

    /// The classifier and what is no layer's matrix are not orthogonalised.
    func testMuonsMatrices() throws {
        let trainer = try makeTrainer(
            tinySettings(.muon) { ($0.model, $0.examples, $0.batchSize, $0.epochs) = ("vit", 8, 8, 1) })
        _ = try trainer.run()
        let state = trainer.session.optimizer.state
        for name in ["head.weight", "head.bias", "positions", "norm.weight", "patches.bias"] {
            XCTAssertNotNil(state["\(name).average"], name)
            XCTAssertNil(state["\(name).momentum"], name)
        }
        for name in ["patches.weight", "blocks.0.perceptron.0.weight", "blocks.3.attention.in_proj_weight"] {
            XCTAssertNotNil(state["\(name).momentum"], name)
        }
    }
}
