import FOP
import TestSupport
import Torch
import XCTest

/// Batch normalisation's running statistics and steps that change nothing.
final class RunningStatisticsTests: XCTestCase {
    private func model() -> Sequential {
        let generator = Generator(seed: 1)
        return Sequential(
            Conv2d(1, 4, kernel: 3, padding: 1, generator: generator), BatchNorm(4), ReLU(), Flatten(),
            Linear(4 * 36, 3, generator: generator))
    }

    private func loss(_ model: Sequential, _ seed: UInt64) -> Tensor {
        crossEntropy(model(randomTensor([8, 1, 6, 6], seed: seed)), randomIntegers([8], in: 0..<3, seed: seed))
    }

    private func buffers(_ model: Sequential) -> [Tensor] { model.namedBuffers.map { $0.buffer.value.cloned() } }

    private let makers: [(String, MakeOptimizer)] = [
        ("FOP", { try FOP($0, learningRate: 0.05) }), ("SGD", { try SGD($0, learningRate: 0.05, momentum: 0.9) }),
        ("AdamW", { try AdamW($0, learningRate: 0.01) }), ("Muon", { try Muon($0, learningRate: 0.01) }),
    ]

    /// They go back, whatever was not finite, also after several forward passes: the inputs were fine.
    func testASkippedStepChangesNoStatistics() throws {
        for (name, make) in makers {
            let model = model()
            let optimizer = try make(model)
            for seed in 0..<2 {
                try optimizer.backward(loss(model, UInt64(seed)))
                XCTAssertEqual(try optimizer.step(), .applied)
            }
            let before = buffers(model)
            for factor in [Double.infinity, .nan] {
                try optimizer.backward(loss(model, 5))
                try optimizer.backward(loss(model, 6) * factor)
                XCTAssertFalse(zip(buffers(model), before).allSatisfy { $0.isClose(to: $1) }, name)
                XCTAssertEqual(try optimizer.step(), .skipped)
                assertIdentical(buffers(model), before, "\(name), \(factor)")
            }
            try optimizer.backward(loss(model, 7))
            XCTAssertEqual(try optimizer.step(), .applied)
            XCTAssertEqual(model.namedBuffers[2].buffer.value.item(as: Int.self), 3, name)
        }
    }

    /// A run with bad steps in it ends, statistics included, where the run without them ends.
    func testTheRunGoesOnAsIfItHadNeverHappened() throws {
        for (name, make) in makers {
            let states = try [false, true].map { hasBadSteps in
                let model = model()
                let optimizer = try make(model)
                for seed in 0..<6 {
                    if hasBadSteps, seed % 2 == 0 {
                        try optimizer.backward(loss(model, UInt64(50 + seed)) * .nan)
                        XCTAssertEqual(try optimizer.step(), .skipped)
                    }
                    try optimizer.backward(loss(model, UInt64(seed)))
                    try optimizer.step()
                }
                return model.state
            }
            assertIdentical(states[1], states[0], name)
        }
    }

    /// Passes without gradients, such as a recalibration, and loaded values are for good.
    func testWhatWasMeantToStayStays() throws {
        let model = model()
        let optimizer = try FOP(model, learningRate: 0.05)
        try optimizer.backward(loss(model, 1))
        try optimizer.step()
        withoutGradients { for seed in 10..<13 { _ = loss(model, UInt64(seed)) } }
        let recalibrated = buffers(model)
        try optimizer.backward(loss(model, 2) * .nan)
        XCTAssertEqual(try optimizer.step(), .skipped)
        assertIdentical(buffers(model), recalibrated)

        let saved = model.state.mapValues { $0.cloned() }
        _ = loss(model, 3)
        try model.load(saved)
        try optimizer.backward(loss(model, 4) * .nan)
        XCTAssertEqual(try optimizer.step(), .skipped)
        assertIdentical(buffers(model), recalibrated)
    }

    /// A variance that overflows makes the layer's output 0, and the step can be taken: that layer's averages stay,
    /// those of the others move.
    func testAnAppliedStepTakesNoAveragesThatAreNotFinite() throws {
        for (name, make) in makers {
            let generator = Generator(seed: 1)
            let model = Sequential(
                BatchNorm(2), Linear(2, 4, generator: generator), BatchNorm(4), Linear(4, 3, generator: generator))
            let optimizer = try make(model)
            let labels = randomIntegers([8], in: 0..<3)
            for accumulates in [false, true] {
                let before = buffers(model)
                let input = randomTensor([8, 2], seed: 3)
                // The averages of the first pass are those to go back to.
                if accumulates { try optimizer.backward(crossEntropy(model(input), labels)) }
                let first = accumulates ? Array(buffers(model)[..<2]) : Array(before[..<2])
                try optimizer.backward(crossEntropy(model(input * 1e30), labels))
                XCTAssertEqual(try optimizer.step(), .applied, name)
                let after = buffers(model)
                assertIdentical(Array(after[..<2]), first, name)
                XCTAssertEqual(after[2].item(as: Int.self), accumulates ? 3 : 1, name)
                XCTAssertFalse(after[4].isClose(to: before[4]), name)
                XCTAssertTrue(after[4].isFinite().all().item(as: Bool.self), name)
            }
        }
    }

    /// A step waits once for the device, for what it goes by and for the statistics.
    func testStatisticsAreReadWithTheStep() throws {
        let model = model()
        let optimizer = try SGD(model, learningRate: 0.05)
        for factor in [1, Double.nan, 1] {
            let before = Tensor.hostReadCount
            try optimizer.backward(loss(model, 1) * factor)
            try optimizer.step()
            XCTAssertEqual(Tensor.hostReadCount, before + 1)
            // Nothing is left to find out.
            XCTAssertEqual(countingOperatorCalls { for named in model.namedBuffers { _ = named.buffer.value } }, 0)
        }
    }

    /// Old values do not pile up.
    func testNoTensorIsLeftBehind() throws {
        let model = model()
        let optimizer = try SGD(model, learningRate: 0.05)
        func step(_ factor: Double) throws {
            try optimizer.backward(loss(model, 1) * factor)
            try optimizer.step()
        }
        try step(1)
        try assertNoTensorLeak { for number in 0..<10 { try step(number % 3 == 0 ? .nan : 1) } }
    }
}
