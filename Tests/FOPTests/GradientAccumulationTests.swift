import DenseComparison
import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Micro-batches and the whole batch: the same gradients and factors, and with as many as sub-batches the same step.
final class GradientAccumulationTests: SmallTensorTestCase {
    private let count = 24

    private func model() -> Sequential {
        let generator = Generator(seed: 3)
        return Sequential(
            Conv2d(2, 4, kernel: 3, stride: 2, padding: 1, generator: generator), GroupNorm(groups: 2, channels: 4),
            ReLU(), Flatten(), Linear(4 * 9, 6, generator: generator), LayerNorm(6), Tanh(),
            Linear(6, 3, generator: generator)
        ).to(.float64)
    }

    /// Three steps, each of so many backward passes.
    private func train(
        _ passes: Int, clip: Double? = nil, _ change: (inout FOPOptions) -> Void = { _ in }
    ) throws -> (weights: [Tensor], state: [String: Tensor]) {
        let model = model()
        var options = FOPOptions()
        options.curvature.factorInterval = .every(1)
        options.curvature.inverseInterval = .every(1)
        change(&options)
        let optimizer = try FOP(model, learningRate: 0.05, options: options)
        for step in 0..<3 {
            let batch = LabelledBatch(count, [2, 6, 6], classes: 3, seed: UInt64(step), dtype: .float64)
            for pass in 0..<passes {
                let length = count / passes
                let inputs = batch.inputs.narrowed(0, from: pass * length, length: length)
                let labels = batch.labels.narrowed(0, from: pass * length, length: length)
                try optimizer.backward(crossEntropy(model(inputs), labels) * (1 / Double(passes)))
            }
            if let clip { try optimizer.clipGradientNorm(maximum: clip) }
            XCTAssertEqual(try optimizer.step(), .applied)
        }
        return (model.parameters.map { $0.value.detached() }, optimizer.state)
    }

    private func assertSame(
        _ one: (weights: [Tensor], state: [String: Tensor]), _ other: (weights: [Tensor], state: [String: Tensor]),
        _ name: String, line: UInt = #line
    ) {
        for (a, b) in zip(one.weights, other.weights) {
            XCTAssertLessThan(relativeDifference(a, b), 1e-9, name, line: line)
        }
        XCTAssertEqual(Set(one.state.keys), Set(other.state.keys), name, line: line)
        for (key, tensor) in one.state where tensor.dtype == .float64 && tensor.count > 1 {
            XCTAssertLessThan(relativeDifference(tensor, other.state[key]!), 1e-8, "\(name): \(key)", line: line)
        }
    }

    /// Two micro-batches are the halves: weights, factors, inverses and momentum as of one pass.
    func testTwoAreTheHalves() throws {
        assertSame(try train(2), try train(1), "two")
        assertSame(try train(2, clip: 0.1), try train(1, clip: 0.1), "clipped")
    }

    /// So are four, and 24 of one example each, by groups.
    func testMoreAreTheHalvesByGroups() throws {
        for passes in [4, 6, 24] { assertSame(try train(passes), try train(1), "\(passes)") }
    }

    func testAsManyAsSubBatches() throws {
        let change: (inout FOPOptions) -> Void = { $0.curvature.subBatches = 4 }
        for passes in [4, 8] { assertSame(try train(passes, change), try train(1, change), "\(passes)") }
        XCTAssertGreaterThan(relativeDifference(try train(4, change).weights[0], try train(4).weights[0]), 1e-6)
    }

    /// Halves of every micro-batch are other halves, but the factors and K-FAC's step are the same.
    func testBySplittingEach() throws {
        let change: (inout FOPOptions) -> Void = {
            $0.curvature.split = .example
            $0.curvature.beta = .zero
        }
        for passes in [2, 3, 4] { assertSame(try train(passes, change), try train(1, change), "\(passes)") }
        assertSame(try train(3) { $0.curvature.beta = .zero }, try train(1, change), "groups of other sizes")
        let split = try train(2) { $0.curvature.split = .example }
        XCTAssertGreaterThan(relativeDifference(split.weights[0], try train(2).weights[0]), 1e-6)
    }
}
