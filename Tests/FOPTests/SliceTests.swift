import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// A batch that goes through the model in slices gives the step of the whole batch.
final class SliceTests: XCTestCase {
    private let images = randomTensor([11, 2, 6, 5], seed: 1, dtype: .float64)
    private let labels = Tensor([0, 1, 2, 0, 1, 2, 2, 1, 0, 0, 1])

    private func model() -> Sequential {
        let generator = Generator(seed: 2)
        return Sequential([
            Conv2d(2, 4, kernel: 3, padding: 1, generator: generator), GroupNorm(groups: 2, channels: 4), Tanh(),
            Conv2d(4, 3, kernel: 2, stride: 2, bias: false, generator: generator), Flatten(),
            Linear(3 * 3 * 2, 3, generator: generator),
        ]).to(.float64)
    }

    private func options(_ change: (inout CurvatureConfiguration) -> Void = { _ in }) -> FOPOptions {
        var options = FOPOptions()
        options.curvature.factorExamples = .all
        options.curvature.factorInterval = .every(1)
        options.curvature.inverseInterval = .every(2)
        change(&options.curvature)
        return options
    }

    private func loss(_ model: Sequential, _ range: Range<Int>) -> Tensor {
        crossEntropy(model(images.examples(range)), labels.examples(range))
    }

    /// The weights after some steps; no size is the whole batch in one piece.
    private func weights(
        sliceSize: Int?, steps: Int = 3, _ make: (Sequential) throws -> any Optimizer
    ) throws -> [Tensor] {
        let model = model()
        let optimizer = try make(model)
        for _ in 0..<steps {
            if let sliceSize {
                let mean = try optimizer.backward(batchSize: 11, sliceSize: sliceSize) { loss(model, $0) }
                assertClose(mean, loss(model, 0..<11).detached(), rtol: 1e-12, atol: 0)
            } else {
                try optimizer.backward(loss(model, 0..<11))
            }
            XCTAssertEqual(try optimizer.step(), .applied)
        }
        return model.parameters.map { $0.value.detached() }
    }

    private func check(_ name: String, _ make: (Sequential) throws -> any Optimizer) throws {
        let whole = try weights(sliceSize: nil, make)
        for size in [1, 3, 4, 6, 10, 11, 20] {
            for (one, other) in zip(try weights(sliceSize: size, make), whole) {
                assertClose(one, other, rtol: 1e-9, atol: 1e-11, "\(name), slices of \(size)")
            }
        }
    }

    func testSlicesGiveTheWholeBatchsStep() throws {
        try check("FOP") { try FOP($0, learningRate: 0.2, options: self.options()) }
        try check("three sub-batches") {
            try FOP($0, learningRate: 0.2, options: self.options { $0.subBatches = 3 })
        }
        try check("reduce") {
            try FOP($0, learningRate: 0.2, options: self.options { $0.weightSharing = .reduce })
        }
        try check("split by example") {
            try FOP($0, learningRate: 0.2, options: self.options { $0.split = .example })
        }
        try check("K-FAC") { try FOP($0, learningRate: 0.2, options: self.options { $0.beta = .zero }) }
        try check("K-FAC and the noise") {
            let optimizer = try FOP($0, learningRate: 0.2, options: self.options { $0.beta = .zero })
            optimizer.measuresGradientNoise = true
            return optimizer
        }
        try check("SGD") { try SGD($0, learningRate: 0.2, momentum: 0.9) }
    }

    /// The halves are those of the batch, not of each slice, nor slices in turn.
    func testTheHalvesAreTheBatchs() throws {
        let halves = try weights(sliceSize: 4, steps: 1) { try FOP($0, learningRate: 0.2, options: self.options()) }
        let model = model()
        let optimizer = try FOP(model, learningRate: 0.2, options: options { $0.split = .example })
        for range in [0..<4, 4..<8, 8..<11] {
            try optimizer.backward(loss(model, range) * (Double(range.count) / 11))
        }
        try optimizer.step()
        let difference = (halves[0] - model.parameters[0].value.detached()).norm().item(as: Double.self)
        XCTAssertGreaterThan(difference, 1e-6, "micro-batches are split each by itself")
    }

    /// Micro-batches of slices are still micro-batches: each is a sub-batch.
    func testMicroBatchesInSlices() throws {
        func weights(sliceSize: Int) throws -> [Tensor] {
            let model = model()
            let optimizer = try FOP(model, learningRate: 0.2, options: options())
            for start in [0, 4] {
                try optimizer.backward(batchSize: 4, sliceSize: sliceSize) { slice in
                    loss(model, start + slice.lowerBound..<start + slice.upperBound) * 0.5
                }
            }
            try optimizer.step()
            return model.parameters.map { $0.value.detached() }
        }
        for (one, other) in zip(try weights(sliceSize: 3), try weights(sliceSize: 4)) {
            assertClose(one, other, rtol: 1e-9, atol: 1e-11)
        }
    }

    /// A batch's factors are made of as many examples as asked for, whatever the slices.
    func testFactorsTakeTheirShareOfEachSlice() throws {
        func factor(sliceSize: Int, _ examples: FactorExamples) throws -> Tensor {
            let model = model()
            let optimizer = try FOP(
                model, learningRate: 0.2, options: options { $0.factorExamples = examples })
            try optimizer.backward(batchSize: 11, sliceSize: sliceSize) { loss(model, $0) }
            try optimizer.step()
            return try XCTUnwrap(optimizer.state["curvature.0.input_factor"])
        }
        // Slices of one example give each of them.
        assertClose(
            try factor(sliceSize: 1, .atMost(2)), try factor(sliceSize: 11, .all), rtol: 1e-9, atol: 1e-12)
        let thinned = try factor(sliceSize: 4, .atMost(5)) - factor(sliceSize: 4, .all)
        XCTAssertGreaterThan(thinned.norm().item(as: Double.self), 1e-3)
    }

    func testBadSizes() throws {
        let model = model()
        let optimizer = try SGD(model, learningRate: 0.1)
        for (batch, slice, name) in [(0, 1, "batchSize is 0"), (4, 0, "sliceSize is 0"), (4, -2, "sliceSize is -2")] {
            assertThrowsTorchError(
                try optimizer.backward(batchSize: batch, sliceSize: slice) { self.loss(model, $0) }
            ) { assertContains($0.description, name) }
        }
    }
}
