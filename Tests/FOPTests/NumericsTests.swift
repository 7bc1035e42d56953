import DenseComparison
import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Steps that must change nothing, and what the optimizer must not keep.
final class NumericsTests: SmallTensorTestCase {
    /// Convolution, group norm, layer norm and linear layers, and a scale without a Fisher block for the fallback rule.
    private final class Net: Module, Layer {
        let first: Conv2d
        let norm = GroupNorm(groups: 2, channels: 4)
        let middle: Linear
        let second = LayerNorm(6)
        let scale = Parameter(Tensor.full([6], 0.5))
        let last: Linear

        init(seed: UInt64) {
            let generator = Generator(seed: seed)
            first = Conv2d(1, 4, kernel: 3, stride: 2, padding: 1, generator: generator)
            middle = Linear(4 * 4 * 4, 6, generator: generator)
            last = Linear(6, 3, generator: generator)
            super.init()
        }

        func callAsFunction(_ input: Tensor) -> Tensor {
            let features = norm(first(input)).tanh().flattened(from: 1, to: -1)
            return last((second(middle(features)) * scale.value).relu())
        }

        var values: [Tensor] { parameters.map { $0.value.detached().cloned() } }
    }

    private func options(_ change: (inout FOPOptions) -> Void = { _ in }) -> FOPOptions {
        var options = FOPOptions()
        options.weightDecay = 1e-2
        options.curvature.factorInterval = .every(1)
        options.curvature.inverseInterval = .every(1)
        change(&options)
        return options
    }

    private func batch(_ seed: UInt64) -> LabelledBatch {
        LabelledBatch(6, [1, 8, 8], classes: 3, seed: seed, dtype: .float32)
    }

    private func loss(_ model: Net, _ batch: LabelledBatch) -> Tensor {
        crossEntropy(model(batch.inputs), batch.labels)
    }

    @discardableResult private func step(_ optimizer: FOP, _ model: Net, seed: UInt64) throws -> StepOutcome {
        try optimizer.backward(loss(model, batch(seed)))
        return try optimizer.step()
    }

    // MARK: What is not finite

    /// How a step is spoiled.
    private let spoilers: [(String, (NumericsTests, FOP, Net) throws -> Void)] = [
        ("NaN in an input", { test, optimizer, model in
            let batch = test.batch(99)
            batch.inputs.reshaped([-1]).selected(0, 70).fill(.nan)
            try optimizer.backward(test.loss(model, batch))
        }),
        ("infinite input", { test, optimizer, model in
            let batch = test.batch(99)
            batch.inputs.reshaped([-1]).selected(0, 200).fill(.infinity)
            try optimizer.backward(test.loss(model, batch))
        }),
        ("infinite loss, finite gradients", { test, optimizer, model in
            try optimizer.backward(test.loss(model, test.batch(99)) + .infinity)
        }),
        ("loss times infinity", { test, optimizer, model in
            try optimizer.backward(test.loss(model, test.batch(99)) * .infinity)
        }),
        ("squares beyond float32", { test, optimizer, model in
            try optimizer.backward(test.loss(model, test.batch(99)) * 1e25)
        }),
        ("one bad micro-batch of three", { test, optimizer, model in
            try optimizer.backward(test.loss(model, test.batch(97)))
            try optimizer.backward(test.loss(model, test.batch(98)) * .nan)
            try optimizer.backward(test.loss(model, test.batch(99)))
        }),
        ("a gradient outside of any block", { test, optimizer, model in
            let penalty = (model.scale.value * .infinity).sum() * 0
            let loss = test.loss(model, test.batch(99))
            // The loss must not tell: 0 where the penalty is NaN.
            try optimizer.backward(loss + Tensor.select(Tensor(true), loss.zerosLike(), penalty))
        }),
    ]

    /// Weights, factors, inverses, momentum and counts keep their bits.
    func testAStepThatIsNotFiniteChangesNothing() throws {
        for (name, spoil) in spoilers {
            for goodSteps in [1, 2, 3] {
                let model = Net(seed: 1)
                let optimizer = try FOP(
                    model, learningRate: 0.05, options: options { $0.curvature.inverseInterval = .every(2) })
                for seed in 0..<goodSteps { try step(optimizer, model, seed: UInt64(seed)) }
                let (weights, state) = (model.values, copy(optimizer.state))
                try spoil(self, optimizer, model)
                let title = "\(name), after \(goodSteps) steps"
                XCTAssertEqual(try optimizer.step(), .skipped, title)
                XCTAssertEqual(optimizer.skippedStepCount, 1, title)
                XCTAssertEqual(optimizer.stepCount, goodSteps, title)
                assertIdentical(model.values, weights, title)
                var after = copy(optimizer.state)
                after["skipped_step_count"] = state["skipped_step_count"]
                assertIdentical(after, state, title)
            }
        }
    }

    /// A run with bad steps in it ends, bit for bit, where the run without them ends: also when the first step is bad,
    /// and when factors or inverses were due at the bad one.
    func testTheNextStepGoesOnAsIfItHadNeverHappened() throws {
        let intervals = [(1, 1), (2, 3), (3, 1)]
        for (name, spoil) in spoilers {
            // Large gradients are fine where no squares are taken.
            for (factors, inverses) in intervals where factors == 1 || !name.hasPrefix("squares") {
                func run(badSteps: Set<Int>) throws -> [Tensor] {
                    let model = Net(seed: 2)
                    let optimizer = try FOP(
                        model, learningRate: 0.05,
                        options: options {
                            $0.curvature.factorInterval = .every(factors)
                            $0.curvature.inverseInterval = .every(inverses)
                        })
                    for seed in 0..<4 {
                        if badSteps.contains(seed) {
                            try spoil(self, optimizer, model)
                            XCTAssertEqual(try optimizer.step(), .skipped, name)
                        }
                        XCTAssertEqual(try step(optimizer, model, seed: UInt64(seed)), .applied, name)
                    }
                    return model.values
                }
                let expected = try run(badSteps: [])
                for bad in 0..<4 {
                    assertIdentical(
                        try run(badSteps: [bad]), expected,
                        "\(name), before step \(bad), intervals \(factors), \(inverses)")
                }
            }
        }
    }

    func testTooManyInARowIsAnErrorWithAdvice() throws {
        let model = Net(seed: 3)
        let optimizer = try FOP(model, learningRate: 0.05, options: options { $0.maximumSkippedSteps = 3 })
        for _ in 0..<2 {
            try optimizer.backward(loss(model, batch(1)) * .nan)
            XCTAssertEqual(try optimizer.step(), .skipped)
        }
        try step(optimizer, model, seed: 1)
        for _ in 0..<2 {
            try optimizer.backward(loss(model, batch(1)) * .nan)
            XCTAssertEqual(try optimizer.step(), .skipped)
        }
        try optimizer.backward(loss(model, batch(1)) * .nan)
        assertThrowsTorchError(try optimizer.step()) { error in
            for word in ["3", "learning rate", "damping"] { assertContains("\(error)", word) }
        }
        XCTAssertEqual(optimizer.skippedStepCount, 5)
    }

    /// Huge inputs, gradients and steps, with damping or without: no weight is ever other than finite.
    func testWeightsStayFinite() throws {
        for (scale, damping) in [(1e6, 1e-2), (1e-6, 1e-2), (1e15, 1e-3), (1e-15, 0), (1, 0), (1e6, 0), (1e-6, 1e-12)] {
            for clip in [1e-2, nil] {
                let model = Net(seed: 4)
                let optimizer = try FOP(
                    model, learningRate: 0.1,
                    options: options {
                        $0.curvature.damping = damping
                        $0.curvature.klClip = clip
                    })
                for seed in 0..<4 {
                    try optimizer.backward(loss(model, batch(UInt64(seed))) * scale)
                    try optimizer.step()
                    for value in model.values {
                        XCTAssertTrue(value.isFinite().all().item(as: Bool.self), "loss * \(scale), damping \(damping)")
                    }
                }
            }
        }
    }

    // MARK: Memory

    /// Fifty steps leave as many tensors alive as one.
    func testNoTensorIsLeftBehind() throws {
        let model = Net(seed: 5)
        let optimizer = try FOP(
            model, learningRate: 0.02,
            options: options {
                $0.curvature.factorInterval = .every(2)
                $0.curvature.inverseInterval = .every(3)
            })
        for seed in 0..<6 { try step(optimizer, model, seed: UInt64(seed)) }
        try assertNoTensorLeak {
            for seed in 0..<48 {
                if seed % 12 == 5 {
                    try optimizer.backward(loss(model, batch(UInt64(seed))) * .nan)
                    try optimizer.step()
                }
                if seed % 12 == 7 {
                    try optimizer.backward(loss(model, batch(UInt64(seed))))
                    optimizer.discardGradients()
                }
                if seed % 12 == 9 { try optimizer.backward(loss(model, batch(UInt64(seed)))) }
                try step(optimizer, model, seed: UInt64(seed))
            }
        }
    }

    /// A model and its optimizer take all their tensors with them.
    func testModelAndOptimizerLeaveNothing() throws {
        func train() throws {
            let model = Net(seed: 6)
            let optimizer = try FOP(model, learningRate: 0.02, options: options())
            for seed in 0..<3 { try step(optimizer, model, seed: UInt64(seed)) }
            try optimizer.backward(loss(model, batch(9)))
        }
        try train()
        try assertNoTensorLeak { try train() }
    }
}

private func copy(_ state: [String: Tensor]) -> [String: Tensor] { state.mapValues { $0.detached().cloned() } }
