import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Models in half precision, and in parts of it.
final class LowPrecisionTests: XCTestCase {
    private func model(_ seed: UInt64 = 1) -> Sequential {
        let generator = Generator(seed: seed)
        return Sequential([
            Conv2d(1, 4, kernel: 3, padding: 1, generator: generator), BatchNorm(4), ReLU(), Flatten(),
            Linear(4 * 36, 12, generator: generator), LayerNorm(12), ReLU(), Linear(12, 3, generator: generator),
        ])
    }

    /// Three kinds of images that differ in their mean.
    private func batch(_ seed: UInt64, _ count: Int = 48) -> (inputs: Tensor, labels: Tensor) {
        let labels = randomIntegers([count], in: 0..<3, seed: seed)
        let inputs = randomTensor([count, 1, 6, 6], seed: seed) + labels.to(.float32).reshaped([count, 1, 1, 1])
        return (inputs, labels)
    }

    private func run(
        steps: Int, lossScale: Double = 1, in scope: (() -> Tensor) -> Tensor = { $0() },
        _ check: (FOP, Double) -> Void = { _, _ in }
    ) throws -> (model: Sequential, losses: [Double]) {
        let model = model()
        let optimizer = try FOP(model, learningRate: 0.05)
        optimizer.lossScale = lossScale
        var losses: [Double] = []
        for step in 0..<steps {
            let (inputs, labels) = batch(UInt64(step))
            let loss = scope { crossEntropy(model(inputs), labels) }
            losses.append(loss.item(as: Double.self))
            try optimizer.backward(loss)
            XCTAssertEqual(try optimizer.step(), .applied)
            check(optimizer, losses[step])
        }
        return (model, losses)
    }

    func testAutocastChoosesTheTypeOfProducts() {
        let linear = Linear(3, 2)
        let input = Tensor.ones([4, 3])
        XCTAssertEqual(linear(input).dtype, .float32)
        withAutocast {
            XCTAssertEqual(linear(input).dtype, .bfloat16)
            withoutAutocast { XCTAssertEqual(linear(input).dtype, .float32) }
            withAutocast(.float16) { XCTAssertEqual(linear(input).dtype, .float16) }
            XCTAssertEqual(linear(input).dtype, .bfloat16)
        }
        XCTAssertEqual(linear(input).dtype, .float32)
    }

    /// Casts of weights are not kept from one step to the next.
    func testAutocastSeesNewWeights() {
        let linear = Linear(2, 1, bias: false)
        let input = Tensor.ones([1, 2])
        let before = withAutocast { linear(input).item(as: Double.self) }
        withoutGradients { linear.weight.value.fill(3) }
        XCTAssertNotEqual(before, 6)
        XCTAssertEqual(withAutocast { linear(input).item(as: Double.self) }, 6)
    }

    /// Factors stay in float32, the first steps are those of float32 but for rounding, and the loss falls.
    func testAutocast() throws {
        let (plain, expected) = try run(steps: 3)
        for dtype in [DType.bfloat16, .float16] {
            let scale = dtype == .float16 ? 1024.0 : 1
            let (model, losses) = try run(steps: 3, lossScale: scale, in: { body in withAutocast(dtype) { body() } }) {
                optimizer, _ in
                for (key, tensor) in optimizer.state where key.hasPrefix("curvature.") && key.contains("factor") {
                    XCTAssertEqual(tensor.dtype, .float32, key)
                }
            }
            for (one, two) in zip(losses, expected) { XCTAssertEqual(one, two, accuracy: 0.03 * two, "\(dtype)") }
            for (one, two) in zip(model.parameters, plain.parameters) {
                XCTAssertEqual(one.value.dtype, .float32)
                XCTAssertLessThan(relativeDifference(one.value.detached(), two.value.detached()), 0.05, "\(dtype)")
            }
            let (_, longer) = try run(steps: 15, lossScale: scale, in: { body in withAutocast(dtype) { body() } })
            XCTAssertLessThan(longer[14], 0.6 * longer[0], "\(dtype)")
        }
    }

    /// A model whose weights themselves are in half precision.
    func testWeightsInHalfPrecision() throws {
        let model = model().to(.bfloat16)
        let optimizer = try FOP(model, learningRate: 0.05)
        var losses: [Double] = []
        for step in 0..<15 {
            let (inputs, labels) = batch(UInt64(step))
            let loss = crossEntropy(model(inputs.to(.bfloat16)).to(.float32), labels)
            try optimizer.backward(loss)
            XCTAssertEqual(try optimizer.step(), .applied)
            losses.append(loss.item(as: Double.self))
        }
        XCTAssertLessThan(losses[14], 0.7 * losses[0])
        XCTAssertEqual(model.parameters[0].value.dtype, .bfloat16)
        XCTAssertEqual(optimizer.state["curvature.0.input_factor"]?.dtype, .float32)
    }

    /// A power of two changes no bit in float32, whatever the optimizer, and whether gradients are clipped or not.
    func testTheLossScaleIsDividedOut() throws {
        let makers: [(String, MakeOptimizer)] = [
            ("FOP", { try FOP($0, learningRate: 0.1) }), ("SGD", { try SGD($0, learningRate: 0.1, momentum: 0.9) }),
            ("AdamW", { try AdamW($0, learningRate: 0.01) }),
        ]
        for ((name, make), clip) in makers.flatMap({ maker in [nil, 0.05].map { (maker, $0) } }) {
            let weights = try [1.0, 4096].map { scale in
                let model = model()
                let optimizer = try make(model)
                optimizer.lossScale = scale
                for step in 0..<3 {
                    let (inputs, labels) = batch(UInt64(step))
                    try optimizer.backward(crossEntropy(model(inputs), labels))
                    if let clip, let clipping = optimizer as? any GradientClipping {
                        try clipping.clipGradientNorm(maximum: clip)
                    }
                    try optimizer.step()
                }
                return model.parameters.map { $0.value.detached() }
            }
            assertIdentical(weights[1], weights[0], "\(name), clipped to \(clip ?? .infinity)")
        }
    }

    func testLossScalerBacksOffAndGrows() throws {
        let model = Pair()
        let optimizer = try SGD(model, learningRate: 0.1)
        let scaler = try LossScaler(optimizer, initialScale: 1024, growthInterval: 2)
        func step(_ factor: Double) throws {
            try optimizer.backward(model.loss(seed: 1) * factor)
            scaler.update(try optimizer.step())
        }
        try step(.infinity)
        XCTAssertEqual(scaler.scale, 512)
        try step(1)
        XCTAssertEqual(scaler.scale, 512)
        try step(1)
        XCTAssertEqual(scaler.scale, 1024)
        try step(1)
        try step(.nan)
        XCTAssertEqual(scaler.scale, 512)
        try step(1)
        XCTAssertEqual(scaler.scale, 512, "the count of good steps starts anew")
        assertThrowsTorchError(try LossScaler(optimizer, initialScale: 0, growthFactor: 1)) {
            for word in ["initialScale is 0", "growthFactor is 1"] { assertContains("\($0)", word) }
        }
    }

    /// A loss that overflows float16 at the first scale gets through after a few skipped steps.
    func testFloat16FindsItsScale() throws {
        let model = model()
        let optimizer = try FOP(model, learningRate: 0.05)
        let scaler = try LossScaler(optimizer, initialScale: 1e9)
        var outcomes: [StepOutcome] = []
        for step in 0..<20 {
            let (inputs, labels) = batch(UInt64(step))
            try optimizer.backward(withAutocast(.float16) { crossEntropy(model(inputs), labels) })
            outcomes.append(try optimizer.step())
            scaler.update(outcomes[step])
        }
        XCTAssertEqual(outcomes.first, .skipped)
        XCTAssertEqual(outcomes.last, .applied)
        XCTAssertGreaterThan(scaler.scale, 1)
    }
}
