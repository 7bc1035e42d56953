import DenseComparison
import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// What must hold for whole steps, without knowing their numbers.
final class PropertiesTests: SmallTensorTestCase {
    private func model(_ seed: UInt64, dtype: DType = .float64, batchNorm: Bool = false) -> Sequential {
        let generator = Generator(seed: seed)
        let norm: any Layer = batchNorm ? BatchNorm(6) : GroupNorm(groups: 3, channels: 6)
        return Sequential(
            Conv2d(2, 6, kernel: 3, stride: 2, padding: 1, generator: generator), norm, ReLU(),
            Conv2d(6, 6, kernel: 3, padding: 1, groups: 2, bias: false, generator: generator), Tanh(), Flatten(),
            Linear(6 * 3 * 3, 8, generator: generator), ReLU(), Linear(8, 4, generator: generator)
        ).to(dtype)
    }

    private func options(_ change: (inout FOPOptions) -> Void = { _ in }) -> FOPOptions {
        var options = FOPOptions()
        options.curvature.factorInterval = .every(1)
        options.curvature.inverseInterval = .every(1)
        change(&options)
        return options
    }

    private func batch(_ count: Int, seed: UInt64, dtype: DType = .float64) -> LabelledBatch {
        LabelledBatch(count, [2, 6, 6], classes: 4, seed: seed, dtype: dtype)
    }

    /// The parameters after some steps, each on a batch whose examples come in the given order.
    private func train(
        _ model: Sequential, _ options: FOPOptions, counts: [Int] = [8, 8], dtype: DType = .float64,
        lossScale: Double = 1, learningRate: Double = 0.05, order: (Int) -> [Int] = { Array(0..<$0) }
    ) throws -> [Tensor] {
        let optimizer = try FOP(model, learningRate: learningRate, options: options)
        for (step, count) in counts.enumerated() {
            let batch = batch(count, seed: UInt64(step), dtype: dtype)
            let order = Tensor(order(count))
            let (inputs, labels) = (batch.inputs.indexSelect(0, order), batch.labels.indexSelect(0, order))
            try optimizer.backward(crossEntropy(model(inputs), labels) * lossScale)
            try optimizer.step()
        }
        return model.parameters.map { $0.value.detached() }
    }

    // MARK: Repeatability

    /// Twice the same, also with several threads: every bit.
    func testTwoRunsWithOneSeedAreIdentical() throws {
        for threads in [1, 2] {
            TorchRuntime.threadCount = threads
            func run() throws -> ([Tensor], [String: Tensor]) {
                let model = model(1, dtype: .float32, batchNorm: true)
                let optimizer = try FOP(model, learningRate: 0.05, options: options { $0.weightDecay = 1e-3 })
                for step in 0..<3 {
                    let batch = batch(32, seed: UInt64(step), dtype: .float32)
                    try optimizer.backward(crossEntropy(model(batch.inputs), batch.labels))
                    try optimizer.step()
                }
                return (model.parameters.map { $0.value.detached() }, optimizer.state)
            }
            let (first, second) = (try run(), try run())
            assertIdentical(first.0, second.0, "\(threads) threads: parameters")
            assertIdentical(first.1, second.1, "\(threads) threads: state")
        }
    }

    func testAnotherSeedGivesAnotherRun() throws {
        let first = try train(model(1), options())
        let second = try train(model(2), options())
        XCTAssertFalse(first[0].isEqual(to: second[0]))
    }

    // MARK: Halves

    /// Only which half an example is in matters, and not which half comes first.
    func testTheOrderWithinAHalfAndOfTheHalvesDoesNotMatter() throws {
        let expected = try train(model(3), options())
        let within = try train(model(3), options()) { _ in [3, 1, 0, 2, 7, 4, 6, 5] }
        let exchanged = try train(model(3), options()) { _ in [4, 5, 6, 7, 0, 1, 2, 3] }
        let mixed = try train(model(3), options()) { _ in [0, 4, 2, 6, 1, 5, 3, 7] }
        for (index, reference) in expected.enumerated() {
            assertRelativeDifference(within[index], reference, below: 1e-10, "within halves, parameter \(index)")
            assertRelativeDifference(exchanged[index], reference, below: 1e-10, "exchanged halves, parameter \(index)")
        }
        XCTAssertGreaterThan(relativeDifference(mixed[0], expected[0]), 1e-6, "other halves")
    }

    /// Two halves of the same examples: g1 = g2, so that FOP is K-FAC.
    func testEqualHalvesGiveKFAC() throws {
        // Not a whole number of identical sums in a row: only rounding differs.
        let order: (Int) -> [Int] = { count in Array(0..<count / 2) + Array(0..<count / 2) }
        let withFOP = try train(model(4), options(), order: order)
        let withKFAC = try train(model(4), options { $0.curvature.beta = .zero }, order: order)
        for (one, other) in zip(withFOP, withKFAC) { assertRelativeDifference(one, other, below: 1e-10) }
    }

    // MARK: Scale of the loss

    /// Multiplying the loss by c and the damping by c^2 divides the step by c.
    func testTheScaleOfTheLoss() throws {
        for scale in [1e-3, 1e4] {
            let start = model(5).parameters.map { $0.value.detached().cloned() }
            func updates(_ scale: Double) throws -> [Tensor] {
                let options = options {
                    $0.curvature.damping = 1e-2 * scale * scale
                    $0.curvature.klClip = nil
                    $0.momentum = 0
                }
                let after = try train(
                    model(5), options, counts: [7], lossScale: scale, learningRate: 0.05 * scale)
                return zip(after, start).map { $0 - $1 }
            }
            for (scaled, plain) in zip(try updates(scale), try updates(1)) {
                assertRelativeDifference(scaled, plain, below: 1e-9, "loss * \(scale)")
            }
        }
    }

    // MARK: The limit of large damping

    /// With a damping far above the curvature lambda d is the mean gradient, and K-FAC is SGD with a smaller rate.
    func testLargeDampingGivesSGD() throws {
        for momentum in [0, 0.9] {
            let damping = 1e12
            let (withKFAC, withSGD) = (model(6), model(6))
            let optimizer = try FOP(
                withKFAC, learningRate: 0.1 * damping,
                options: options {
                    $0.curvature.damping = damping
                    $0.curvature.beta = .zero
                    $0.curvature.klClip = nil
                    $0.momentum = momentum
                })
            let plain = try SGD(withSGD, learningRate: 0.1, momentum: momentum)
            for step in 0..<4 {
                let batch = batch(step % 2 == 0 ? 8 : 5, seed: UInt64(step))
                try optimizer.backward(crossEntropy(withKFAC(batch.inputs), batch.labels))
                try optimizer.step()
                try plain.backward(crossEntropy(withSGD(batch.inputs), batch.labels))
                try plain.step()
            }
            for ((name, one), (_, other)) in zip(withKFAC.namedParameters, withSGD.namedParameters) {
                assertRelativeDifference(one.value.detached(), other.value.detached(), below: 1e-5, name)
            }
        }
    }

    // MARK: Descent

    /// A small step lowers the loss of the batch it was made from.
    func testASmallStepLowersTheLoss() throws {
        for seed in 0..<4 {
            for beta in [BetaPolicy.paper, .zero] {
                let model = model(UInt64(seed), batchNorm: seed % 2 == 0)
                let batch = batch(12, seed: UInt64(seed))
                let optimizer = try FOP(model, learningRate: 1e-3, options: options { $0.curvature.beta = beta })
                func loss() -> Tensor { crossEntropy(model(batch.inputs), batch.labels) }
                let before = loss().detached().item(as: Double.self)
                try optimizer.backward(loss())
                try optimizer.step()
                XCTAssertLessThan(loss().detached().item(as: Double.self), before, "seed \(seed), \(beta)")
            }
        }
    }
}
