import DenseComparison
import TestSupport
import Torch
import XCTest

@testable import FOPCore

/// Large inverses are let go of while the statistics for the next ones gather, and nobody can tell but by the memory.
final class ReleasedInverseTests: SmallTensorTestCase {
    private let rows = FactorPair.leastReleasedRows

    private func record(_ seed: UInt64) -> LayerRecord {
        LayerRecord(
            input: randomTensor([8, rows], seed: seed), outputGradient: randomTensor([8, 2], seed: seed + 1))
    }

    private func newBlock() -> KroneckerBlock {
        KroneckerBlock(LinearGeometry(outputs: 2, features: rows, hasBias: false))
    }

    private func update(_ block: KroneckerBlock, _ seed: UInt64, damping: Double = 0.1) {
        block.accumulate(record(seed), as: .newExamples)
        block.updateAverages(block.takeStatistics(gradientScale: 8), decay: 0.9, isFinite: Tensor(true))
        _ = block.updateInverse(damping: damping)
    }

    private func copies(_ state: [String: Tensor]) -> [String: Tensor] { state.mapValues { $0.cloned() } }

    private func assertSame(_ found: [String: Tensor], _ expected: [String: Tensor], line: UInt = #line) {
        XCTAssertEqual(found.keys.sorted(), expected.keys.sorted(), line: line)
        for (key, tensor) in expected { if let own = found[key] { assertIdentical(own, tensor, line: line) } }
    }

    /// How many bytes are free afterwards that were not.
    private func freedBytes(_ body: () -> Void) -> Int {
        let before = TorchRuntime.allocatedBytes
        body()
        return before - TorchRuntime.allocatedBytes
    }

    func testReleasedInversesComeBackBitForBit() {
        let block = newBlock()
        update(block, 1)
        let before = copies(block.state)
        let V = randomTensor(block.shape, seed: 5)
        let expected = block.precondition(V)
        XCTAssertGreaterThan(freedBytes(block.releaseInverse), 4 * rows * rows - 4096)
        XCTAssertTrue(block.isReady)
        assertIdentical(block.precondition(V), expected)
        block.releaseInverse()
        assertSame(block.state, before)
    }

    func testTheNextInversesAreThoseWithoutARelease() {
        let (block, other) = (newBlock(), newBlock())
        for seed in [UInt64(1), 11, 21] {
            block.releaseInverse()
            update(block, seed)
            update(other, seed)
            assertSame(block.state, other.state)
        }
    }

    /// Here something could be lost: the inverses are not those of the averages, or the next inversion could fail.
    func testOthersAreKept() {
        let small = KroneckerBlock(LinearGeometry(outputs: 2, features: 3, hasBias: false))
        small.accumulate(
            LayerRecord(input: randomTensor([8, 3], seed: 1), outputGradient: randomTensor([8, 2], seed: 2)),
            as: .newExamples)
        small.updateAverages(small.takeStatistics(gradientScale: 8), decay: 0.9, isFinite: Tensor(true))
        _ = small.updateInverse(damping: 0.1)
        let undamped = newBlock()
        update(undamped, 1, damping: 0)
        let loaded = newBlock()
        update(loaded, 1)
        loaded.load(loaded.state)
        let moved = newBlock()
        update(moved, 1)
        moved.accumulate(record(9), as: .newExamples)
        moved.updateAverages(moved.takeStatistics(gradientScale: 8), decay: 0.9, isFinite: Tensor(true))
        for (block, name) in [(small, "small"), (undamped, "undamped"), (loaded, "loaded"), (moved, "moved")] {
            XCTAssertEqual(freedBytes(block.releaseInverse), 0, name)
        }
    }

    /// Of the engine: at a step that renews inverses, and at no other.
    func testASkippedStepLeavesTheStateAsItWas() {
        var configuration = CurvatureConfiguration()
        configuration.factorInterval = .every(2)
        configuration.inverseInterval = .every(2)
        let engine = FisherPreconditioner(blocks: [newBlock()], configuration: configuration)
        func step(_ seed: UInt64, scale: Double = 1) -> (released: Int, isFinite: Bool) {
            let released = freedBytes { engine.beginMicroBatch() }
            var record = record(seed)
            record.outputGradient = record.outputGradient * scale
            engine.record(record, block: 0)
            return (released, engine.directions(learningRate: 0.1).isFinite.item(as: Bool.self))
        }
        func state() -> [String: Tensor] { copies(engine.state(names: ["layer"])) }
        let inverseBytes = 4 * rows * rows - 4096
        XCTAssertTrue(step(1).isFinite)
        let second = step(11)
        XCTAssertLessThan(second.released, inverseBytes)
        XCTAssertTrue(second.isFinite)
        let before = state()
        let third = step(21, scale: .nan)
        XCTAssertGreaterThan(third.released, inverseBytes)
        XCTAssertFalse(third.isFinite)
        assertSame(state(), before)
        XCTAssertTrue(step(31).isFinite)
        XCTAssertEqual(engine.stepCount, 3)
    }

    /// Let go of at a step that renews inverses, but nothing passed through the layer: the inverse is still that of the
    /// averages before they go on.
    func testALayerThatWasIdleKeepsItsInverse() throws {
        var configuration = CurvatureConfiguration()
        configuration.factorInterval = .every(1)
        configuration.inverseInterval = .every(2)
        let engine = FisherPreconditioner(blocks: [newBlock(), newBlock()], configuration: configuration)
        func step(_ seed: UInt64, _ active: [Int]) -> Tensor? {
            engine.beginMicroBatch()
            for index in active { engine.record(record(seed), block: index) }
            _ = engine.directions(learningRate: 0.1)
            return engine.state(names: ["first", "second"])["second.input_inverse"]?.cloned()
        }
        let inverse = try XCTUnwrap(step(1, [0, 1]))
        _ = step(11, [0])
        engine.beginMicroBatch()
        engine.record(record(21), block: 0)
        _ = engine.directions(learningRate: 0.1)
        assertIdentical(try XCTUnwrap(step(31, [0, 1])), inverse)
        XCTAssertNotEqual(relativeDifference(try XCTUnwrap(step(41, [0, 1])), inverse), 0)
    }
}
