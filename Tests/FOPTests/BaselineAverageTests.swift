import FOP
import TestSupport
import Torch
import XCTest

final class BaselineAverageTests: XCTestCase {
    /// A batch normalisation with the model's values of a step of the fixture.
    private func assign(_ step: Int, to model: BatchNorm, from fixture: FixtureFile) throws {
        let values = fixture.tensors(under: "average/model/\(step)/")
        for (name, parameter) in model.namedParameters { parameter.value = try XCTUnwrap(values[name]) }
        for (name, buffer) in model.namedBuffers { buffer.value = try XCTUnwrap(values[name]) }
    }

    func testEqualsTorch() throws {
        let fixture = try FixtureFile("training.safetensors")
        for (name, averagingBuffers) in [("parameters", false), ("buffers", true)] {
            let model = BatchNorm(3)
            for parameter in model.parameters { parameter.value = parameter.value.detached().to(.float64) }
            for (_, buffer) in model.namedBuffers where buffer.value.dtype.isFloatingPoint {
                buffer.value = buffer.value.to(.float64)
            }
            // As torch's: from weights that the first update replaces.
            let average = try ExponentialMovingAverage(model, decay: 0.8, averagingBuffers: averagingBuffers)
            for step in 0..<20 {
                try assign(step, to: model, from: fixture)
                average.update()
            }
            let expected = fixture.tensors(under: "average/\(name)/")
            let latest = model.namedParameters.map(\.parameter.value) + model.namedBuffers.map(\.buffer.value)
            try average.withAveragedWeights {
                for (part, parameter) in model.namedParameters {
                    assertClose(parameter.value, try XCTUnwrap(expected[part]), rtol: 1e-12, atol: 1e-12, "\(name) \(part)")
                }
                for (part, buffer) in model.namedBuffers {
                    assertClose(buffer.value, try XCTUnwrap(expected[part]), rtol: 1e-12, atol: 1e-12, "\(name) \(part)")
                    XCTAssertEqual(buffer.value.dtype, expected[part]?.dtype)
                }
            }
            assertIdentical(model.namedParameters.map(\.parameter.value) + model.namedBuffers.map(\.buffer.value), latest)
        }
    }

    func testTheModelIsRestoredAfterAnError() throws {
        let model = Pair()
        let average = try ExponentialMovingAverage(model, decay: 0.5)
        let optimizer = try SGD(model, learningRate: 1)
        try model.step(optimizer, seed: 1)
        let before = model.values
        XCTAssertThrowsError(try average.withAveragedWeights { throw TorchError.invalidValue("") })
        assertIdentical(model.values, before)
        try model.step(optimizer, seed: 2)
        XCTAssertTrue(model.weight.value.requiresGradient)
    }

    func testAssigningAndResuming() throws {
        let model = Pair()
        let optimizer = try SGD(model, learningRate: 1)
        let average = try ExponentialMovingAverage(model, decay: 0.5)
        for seed in 0..<4 {
            try model.step(optimizer, seed: seed)
            average.update()
        }
        let resumed = try ExponentialMovingAverage(model, decay: 0.5)
        try resumed.load(average.state.mapValues { $0.cloned() })
        try model.step(optimizer, seed: 9)
        average.update()
        resumed.update()
        assertIdentical(resumed.state, average.state)
        average.assignToModel()
        assertIdentical(model.values[0], average.state["average.weight"]!)
        // The average's memory is its own.
        try model.step(optimizer, seed: 10)
        assertIdentical(resumed.state, average.state)
    }

    func testWhatDoesNotFitChangesNothing() throws {
        let model = Pair()
        let average = try ExponentialMovingAverage(model)
        var state = average.state.mapValues { $0 + 1 }
        let before = average.state.mapValues { $0.cloned() }
        state["average.bias"] = .zeros([5])
        assertThrowsTorchError(try average.load(state)) {
            assertContains("\($0)", "'average.bias' has shape [5], [4] expected")
        }
        assertIdentical(average.state, before)
        assertThrowsTorchError(try ExponentialMovingAverage(model, decay: 1.5)) {
            XCTAssertEqual($0, .invalidValue("decay is 1.5: use a number from 0 to 1"))
        }
    }
}
