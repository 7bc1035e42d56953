import FOP
import TestSupport
import Torch
import XCTest

/// What all optimizers that follow a rule share.
final class OptimizerBehaviourTests: XCTestCase {
    private let optimizers = OptimizerStateTests.optimizers

    func testBackwardAddsUp() throws {
        for (name, make) in optimizers {
            let once = Pair(dtype: .float64)
            let one = try make(once)
            try one.backward(once.loss(seed: 1) + once.loss(seed: 2) + once.loss(seed: 3))
            try one.step()
            let often = Pair(dtype: .float64)
            let several = try make(often)
            for seed in 1...3 { try several.backward(often.loss(seed: seed)) }
            try several.step()
            assertClose(often.values, once.values, rtol: 1e-14, atol: 1e-14, name)
        }
    }

    func testDiscardedGradientsAreGone() throws {
        let model = Pair()
        let optimizer = try SGD(model, learningRate: 0.1)
        let before = model.values
        try optimizer.backward(model.loss(seed: 1))
        optimizer.discardGradients()
        assertThrowsTorchError(try optimizer.step()) { assertContains("\($0)", "step() without backward(_:)") }
        assertIdentical(model.values, before)
    }

    func testGradientsDoNotOutliveTheStep() throws {
        let model = Pair()
        let optimizer = try SGD(model, learningRate: 0.1)
        try model.step(optimizer, seed: 1)
        assertThrowsTorchError(try optimizer.step()) { assertContains("\($0)", "step() without backward(_:)") }
    }

    func testParametersWithoutAGradientAreLeftAlone() throws {
        for (name, make) in optimizers {
            let model = Pair()
            let optimizer = try make(model)
            try model.step(optimizer, seed: 1)
            let bias = model.bias.value.detached().cloned()
            let momentum = optimizer.state.filter { $0.key.hasPrefix("bias.") }.mapValues { $0.cloned() }
            try optimizer.backward((model.weight.value * 2).sum())
            try optimizer.step()
            assertIdentical(model.bias.value, bias, name)
            assertIdentical(optimizer.state.filter { $0.key.hasPrefix("bias.") }, momentum, name)
        }
    }

    func testFrozenParametersHaveNoStateAndCanBeUnfrozen() throws {
        for (name, make) in optimizers {
            let model = Pair()
            model.weight.requiresGradient = false
            let optimizer = try make(model)
            let weight = model.weight.value.cloned()
            try model.step(optimizer, seed: 1)
            assertIdentical(model.weight.value, weight, name)
            XCTAssertEqual(optimizer.state.keys.filter { $0.hasPrefix("weight.") }, ["weight.step"], name)
            model.weight.requiresGradient = true
            // SOAP's first step makes its bases only.
            for seed in 2...3 { try model.step(optimizer, seed: seed) }
            XCTAssertNotEqual(bytes(of: model.weight.value), bytes(of: weight), name)
            // Frozen between backward and step: left alone as well.
            let later = model.weight.value.detached().cloned()
            try optimizer.backward(model.loss(seed: 4))
            model.weight.requiresGradient = false
            try optimizer.step()
            assertIdentical(model.weight.value.detached(), later, name)
        }
    }

    func testNothingToTrainIsSaid() throws {
        let model = Pair()
        let optimizer = try SGD(model, learningRate: 0.1)
        for parameter in model.parameters { parameter.requiresGradient = false }
        assertThrowsTorchError(try optimizer.backward(model.loss(seed: 1))) { assertContains("\($0)", "frozen") }
    }

    func testStepsThatAreNotFiniteChangeNothing() throws {
        for (name, make) in optimizers {
            let model = Pair()
            let optimizer = try make(model)
            try model.step(optimizer, seed: 1)
            let before = (model.values, optimizer.state.mapValues { $0.cloned() })
            for bad in [Double.nan, .infinity, -.infinity] {
                try optimizer.backward(model.loss(seed: 2))
                try optimizer.backward((model.bias.value * bad).sum())
                XCTAssertEqual(try optimizer.step(), .skipped, name)
                // The loss alone: its gradients are fine.
                try optimizer.backward(model.loss(seed: 2) + bad)
                XCTAssertEqual(try optimizer.step(), .skipped, name)
            }
            XCTAssertEqual(optimizer.skippedStepCount, 6)
            XCTAssertEqual(optimizer.stepCount, 1)
            var expected = before.1
            expected["skipped_step_count"] = Tensor(6)
            assertIdentical(model.values, before.0, name)
            assertIdentical(optimizer.state, expected, name)
            XCTAssertEqual(try model.step(optimizer, seed: 3), .applied, name)
        }
    }

    /// Gradients alone: the loss is 0 each time. Of one element, or of all as one place in memory.
    func testGradientsThatAreNotFiniteAreFoundInEveryTypeAndLayout() throws {
        let bad: [(Tensor) -> Tensor] = [
            { $0.squareRoot() }, { -$0.squareRoot() }, { ($0 * $0).squareRoot() },
        ]
        let places: [(Tensor) -> Tensor] = [{ $0.selected(0, 2).selected(0, 1) }, { $0.sum() }]
        let types: [(DType, DType)] = [
            (.float32, .float32), (.float64, .float32), (.bfloat16, .float64), (.float16, .bfloat16),
        ]
        for (first, second) in types {
            let model = Pair(weight: randomTensor([4, 3], dtype: first), bias: randomTensor([4], dtype: second))
            let optimizer = try SGD(model, learningRate: 1)
            let before = model.values
            for (index, (function, place)) in bad.flatMap({ function in places.map { (function, $0) } }).enumerated() {
                let zero = place(model.weight.value) - place(model.weight.value.detached())
                try optimizer.backward(function(zero))
                try optimizer.backward(model.bias.value.sum())
                XCTAssertEqual(try optimizer.step(), .skipped, "\(first), \(second), \(index)")
                assertIdentical(model.values, before)
            }
        }
    }

    /// Also those whose squares or sums are not.
    func testTheLargestGradientsAreFinite() throws {
        let largest: [(DType, Double)] = [
            (.float32, Double(Float.greatestFiniteMagnitude)), (.float64, .greatestFiniteMagnitude),
            (.float16, 65504), (.bfloat16, 3.3895313892515355e38),
        ]
        for (dtype, value) in largest {
            let model = Pair(dtype: dtype)
            let optimizer = try SGD(model, learningRate: 0)
            for sign in [1.0, -1] {
                try optimizer.backward(
                    model.parameters.map { (($0.value - $0.value.detached()) * (sign * value)).sum() }.reduce(
                        Tensor.zeros([], dtype: dtype), +))
                XCTAssertEqual(try optimizer.step(), .applied, "\(dtype)")
            }
        }
    }

    /// The look at the gradients leaves them as they are.
    func testStepsAreByTheGradientsAsTheyAre() throws {
        let model = Pair(weight: Tensor.zeros([4, 3]), bias: Tensor.zeros([4]))
        let gradients = [randomTensor([4, 3], seed: 5), Tensor([1e-42, -1e-42, 1e38, -3e-30], shape: [4]).to(.float32)]
        let optimizer = try SGD(model, learningRate: 1)
        try optimizer.backward(loss(model.parameters, gradients: gradients))
        try optimizer.step()
        assertIdentical(model.values, gradients.map { -$0 })
    }

    func testTooManyInARowThrowsWithAdvice() throws {
        let model = Pair()
        let optimizer = try SGD(model, learningRate: 0.25)
        optimizer.maximumSkippedSteps = 3
        for round in 0..<3 {
            for _ in 0..<2 {
                try optimizer.backward((model.bias.value * Double.nan).sum())
                XCTAssertEqual(try optimizer.step(), .skipped)
            }
            if round < 2 { try model.step(optimizer, seed: 1) }
        }
        try optimizer.backward((model.bias.value * Double.nan).sum())
        assertThrowsTorchError(try optimizer.step()) { error in
            XCTAssertEqual(
                error,
                .invalidValue(
                    """
                    3 steps in a row had loss or gradients that are not finite: lower the learning rate (now 0.25), clip the \
                    gradients, or look at the data
                    """))
        }
    }

    func testSharedGradientTensorsAreNotMixedUp() throws {
        // The derivative of a sum is one tensor for both inputs.
        let model = Twins()
        let before = model.first.value.detached().cloned()
        let optimizer = try SGD(model, learningRate: 1)
        for _ in 0..<3 { try optimizer.backward((model.first.value + model.second.value).sum()) }
        try optimizer.clipGradientNorm(maximum: 1e9)
        try optimizer.step()
        assertClose(model.first.value, before - 3)
        assertClose(model.second.value, before - 3)
    }

    func testHalfPrecisionParametersStayCloseToWideOnes() throws {
        for (name, make) in optimizers {
            for dtype in [DType.float16, .bfloat16] {
                let narrow = Pair(dtype: dtype)
                let wide = Pair(weight: narrow.weight.value.to(.float32), bias: narrow.bias.value.to(.float32))
                let start = wide.values
                let (one, other) = (try make(narrow), try make(wide))
                for seed in 0..<4 {
                    try narrow.step(one, seed: seed)
                    try wide.step(other, seed: seed)
                }
                XCTAssertEqual(narrow.weight.value.dtype, dtype)
                for ((narrow, wide), start) in zip(zip(narrow.values, wide.values), start) {
                    let way = (wide - start).norm().item(as: Double.self)
                    let error = (narrow.to(.float32) - wide).norm().item(as: Double.self)
                    // The weights' own rounding, and that of the buffers.
                    XCTAssertLessThan(error, 0.1 * way + 0.02, "\(name) \(dtype)")
                }
            }
        }
    }

    func testNoTensorsLeak() throws {
        let model = Pair()
        for (name, make) in optimizers {
            let optimizer = try make(model)
            try model.step(optimizer, seed: 1)
            try assertNoTensorLeak(name) {
                for seed in 0..<20 { try model.step(optimizer, seed: seed) }
            }
        }
    }

    func testARuleOfOnesOwn() throws {
        let model = Pair()
        let before = model.values
        let optimizer = try GradientOptimizer(model, learningRate: 0.5, rule: SignDescent())
        try model.step(optimizer, seed: 1)
        let gradient = randomTensor([4, 3], seed: 101)
        assertClose(model.weight.value, before[0] - 0.5 * gradient / gradient.absolute())
    }
}

private struct SignDescent: UpdateRule {
    func update(_ parameters: [ParameterState], gradients: [Tensor], learningRate: Double) {
        for (state, gradient) in zip(parameters, gradients) {
            state.value.copy(from: state.value - learningRate * gradient / gradient.absolute())
        }
    }
}

private final class Twins: Module {
    let first = Parameter(.ones([3]))
    let second = Parameter(.ones([3]))
}
