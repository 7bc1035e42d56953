import FOP
import TestSupport
import Torch
import XCTest

/// Parameters without a Fisher block: where no layer has one, FOP is its fallback rule.
final class FallbackTests: XCTestCase {
    private func run(_ make: MakeOptimizer) throws -> [Tensor] {
        let model = Pair(dtype: .float64)
        let optimizer = try make(model)
        for seed in 0..<10 {
            if seed == 4 {
                try optimizer.backward(model.loss(seed: 99) * .nan)
                XCTAssertEqual(try optimizer.step(), .skipped)
            }
            optimizer.learningRate = 0.1 / Double(1 + seed)
            try model.step(optimizer, seed: seed)
        }
        return model.values
    }

    private func fop(_ fallback: FallbackOptions, weightDecay: Double) -> MakeOptimizer {
        { model in
            var options = FOPOptions()
            (options.fallback, options.weightDecay) = (fallback, weightDecay)
            return try FOP(model, learningRate: 0.1, options: options)
        }
    }

    func testAdamW() throws {
        let rule = FallbackOptions.Rule.adamW(betas: (0.8, 0.95), epsilon: 1e-3)
        let found = try run(fop(FallbackOptions(rule: rule), weightDecay: 0.2))
        let expected = try run {
            try AdamW($0, learningRate: 0.1, betas: (0.8, 0.95), epsilon: 1e-3, weightDecay: 0.2)
        }
        assertClose(found, expected, rtol: 1e-12, atol: 1e-12)
    }

    func testSGD() throws {
        let found = try run(fop(FallbackOptions(), weightDecay: 0))
        assertClose(found, try run { try SGD($0, learningRate: 0.1, momentum: 0.9) }, rtol: 1e-12, atol: 1e-12)
        XCTAssertGreaterThan(
            relativeDifference(try run(fop(FallbackOptions(), weightDecay: 0.2))[0], found[0]), 1e-3)
    }

    /// The fallback's learning rate follows FOP's in proportion.
    func testTheLearningRateScale() throws {
        let pairs: [(FallbackOptions.Rule, MakeOptimizer)] = [
            (.sgd, { try SGD($0, learningRate: 0.03, momentum: 0.9) }),
            (.adamW(), { try AdamW($0, learningRate: 0.03, weightDecay: 0) }),
        ]
        for (rule, make) in pairs {
            let found = Pair(dtype: .float64)
            let expected = Pair(dtype: .float64)
            let scaled = try fop(FallbackOptions(rule: rule, learningRateScale: 0.3), weightDecay: 0)(found)
            let plain = try make(expected)
            for seed in 0..<5 {
                try found.step(scaled, seed: seed)
                try expected.step(plain, seed: seed)
            }
            assertClose(found.values, expected.values, rtol: 1e-12, atol: 1e-12)
        }
    }

    /// Beside Fisher blocks: a parameter's gradients and nothing else decide where it goes.
    func testBesideBlocks() throws {
        let model = SmallModel()
        var options = FOPOptions()
        options.fallback = FallbackOptions(rule: .adamW(), learningRateScale: 0.1)
        let optimizer = try FOP(model, learningRate: 0.1, options: options)
        let mirror = Pair(weight: Tensor.zeros([1, 1], dtype: .float64), bias: model.scale.value.detached())
        let adamW = try AdamW(mirror, learningRate: 0.01, weightDecay: 0)
        for seed in 0..<5 {
            let gradient = gradients(of: [model.loss(seed: UInt64(seed))], withRespectTo: [model.scale.value])[0]!
            try adamW.backward(loss([mirror.bias], gradients: [gradient]))
            try adamW.step()
            try optimizer.backward(model.loss(seed: UInt64(seed)))
            try optimizer.step()
            assertClose(model.scale.value.detached(), mirror.bias.value.detached(), rtol: 1e-10, atol: 1e-12)
        }
    }
}
