import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch
import XCTest

/// Steps on records that are degenerate, huge, tiny or not finite.
final class NumericsTests: SmallTensorTestCase {
    private let layers = [
        LayerCase.linear[0], LayerCase.linear[2], LayerCase.convolutions[1], LayerCase.convolutions[7],
        LayerCase.normalizations[0], LayerCase.normalizations[5],
    ]

    private func preconditioner(_ change: (inout CurvatureConfiguration) -> Void = { _ in }) -> FisherPreconditioner {
        var curvature = Settings().curvature
        change(&curvature)
        return FisherPreconditioner(blocks: layers.map { $0.block(.expand) }, configuration: curvature)
    }

    /// One step on random records that `change` has changed.
    private func step(
        _ preconditioner: FisherPreconditioner, seed: UInt64, dtype: DType = .float32,
        _ change: (inout LayerRecord, Int) -> Void = { _, _ in }
    ) -> (directions: [Tensor], isFinite: Bool) {
        preconditioner.beginMicroBatch()
        for (index, layer) in layers.enumerated() {
            var record = layer.draw(6, seed: seed &+ UInt64(index), dtype: dtype).record
            change(&record, index)
            preconditioner.record(record, block: index)
        }
        let (directions, isFinite) = preconditioner.directions(learningRate: 0.1)
        return (directions.flatMap { $0 ?? [] }, isFinite.item(as: Bool.self))
    }

    private func assertFinite(_ directions: [Tensor], _ title: String, line: UInt = #line) {
        for (index, direction) in directions.enumerated() {
            XCTAssertTrue(direction.isFinite().all().item(as: Bool.self), "\(title): tensor \(index)", line: line)
        }
    }

    // MARK: Degenerate and extreme records

    /// Inputs and gradients of zero, of one value, of one example, of scales that make factors 1e±12 times as large.
    func testEveryRecordGivesAFiniteStep() {
        let changes: [(String, (inout LayerRecord) -> Void)] = [
            ("zero inputs", { $0.input = $0.input.zerosLike() }),
            ("zero gradients", { $0.outputGradient = $0.outputGradient.zerosLike() }),
            ("both zero", {
                $0.input = $0.input.zerosLike()
                $0.outputGradient = $0.outputGradient.zerosLike()
            }),
            ("constant", {
                $0.input = $0.input.onesLike()
                $0.outputGradient = $0.outputGradient.onesLike()
            }),
            ("one example", {
                $0.input = $0.input.narrowed(0, from: 0, length: 1)
                $0.outputGradient = $0.outputGradient.narrowed(0, from: 0, length: 1)
            }),
            ("inputs * 1e6", { $0.input = $0.input * 1e6 }), ("inputs * 1e-6", { $0.input = $0.input * 1e-6 }),
            ("gradients * 1e6", { $0.outputGradient = $0.outputGradient * 1e6 }),
            ("gradients * 1e-6", { $0.outputGradient = $0.outputGradient * 1e-6 }),
            ("gradients * 1e-15", { $0.outputGradient = $0.outputGradient * 1e-15 }),
        ]
        for (name, change) in changes {
            for damping in [1e-2, 1e-8, 0] {
                for clip in [1e-2, nil] {
                    let preconditioner = preconditioner {
                        $0.damping = damping
                        $0.klClip = clip
                    }
                    for round in 0..<2 {
                        let (directions, isFinite) = step(preconditioner, seed: UInt64(round) * 10) { record, _ in
                            // The statistics of a part of the batch are not those of the batch.
                            if name != "one example" || record.normalization == nil { change(&record) }
                        }
                        let title = "\(name), damping \(damping), clip \(clip as Any)"
                        XCTAssertTrue(isFinite, title)
                        assertFinite(directions, title)
                    }
                    let counted = preconditioner.inverseOutcomes.values.reduce(0, +)
                    XCTAssertEqual(counted, 2 * (4 * 2 + 2), "outcomes are counted")
                }
            }
        }
    }

    /// Scale and shift of inputs that are all alike: singular matrices, in float32 and with next to no damping.
    func testScaleAndShiftNeverGoUphill() {
        for layer in LayerCase.normalizations {
            for damping in [1e-2, 1e-5, 1e-8, 0] {
                for scale in [1, 1e3, 1e6] {
                    let block = layer.block(.expand)
                    var record = layer.draw(6, seed: 3, dtype: .float32).record
                    record.outputGradient = record.outputGradient * 1e-3 + scale
                    record.input = record.input.onesLike()
                    block.accumulate(record, as: .newExamples)
                    block.updateAverages(block.takeStatistics(gradientScale: 6), decay: 0, isFinite: Tensor(true))
                    _ = block.updateInverse(damping: damping)
                    let title = "\(layer.name), damping \(damping), scale \(scale)"
                    let gradient = block.gradient(record)
                    for V in [gradient, randomTensor(gradient.shape, seed: 1), randomTensor(gradient.shape, seed: 2)] {
                        let image = block.precondition(V)
                        XCTAssertTrue(image.isFinite().all().item(as: Bool.self), title)
                        XCTAssertGreaterThanOrEqual(V.inner(image).item(as: Double.self), 0, title)
                    }
                }
            }
        }
    }

    /// Layers after such a step go on as usual.
    func testDegenerateRecordsGiveTheReferenceStep() {
        for (name, zeroInput, zeroGradient) in [("inputs", true, false), ("gradients", false, true)] {
            for layer in LayerCase.linear + LayerCase.convolutions {
                let preconditioner = FisherPreconditioner(
                    blocks: [layer.block(.expand)], configuration: Settings().curvature)
                let reference = ReferenceOptimizer(
                    [layer.reference(.expand)], sizes: [layer.parameterCount], options: Settings().reference)
                for seed in 0..<2 {
                    var (record, examples) = layer.draw(5, seed: UInt64(seed), dtype: .float64)
                    if seed == 0 {
                        if zeroInput { record.input = record.input.zerosLike() }
                        if zeroGradient { record.outputGradient = record.outputGradient.zerosLike() }
                        examples = layer.examples(DenseArray(record.input), DenseArray(record.outputGradient * 5))
                    }
                    preconditioner.beginMicroBatch()
                    preconditioner.record(record, block: 0)
                    let direction = preconditioner.directions(learningRate: 0.1).directions[0]!
                    let expected = reference.directions([[examples]], learningRate: 0.1)
                    assertReference(
                        preconditioner.blocks[0].pack(direction), expected[0], "\(layer.name), \(name), step \(seed)")
                }
            }
        }
    }

    // MARK: What is not finite

    private let spoilers: [(String, (inout LayerRecord) -> Void)] = [
        ("NaN in an output gradient", { $0.outputGradient = spoiled($0.outputGradient, .nan) }),
        ("infinity in an output gradient", { $0.outputGradient = spoiled($0.outputGradient, .infinity) }),
        ("NaN in an input", { $0.input = spoiled($0.input, .nan) }),
        ("minus infinity in an input", { $0.input = spoiled($0.input, -.infinity) }),
        ("squares beyond float32", { $0.outputGradient = $0.outputGradient * 1e25 }),
    ]

    /// Factors and inverses stay as they are, bit for bit, whichever layer it was and however late in training.
    func testWhatIsNotFiniteChangesNoCurvature() {
        for (name, spoil) in spoilers {
            for spoiledLayer in layers.indices {
                for goodSteps in [1, 2] {
                    let preconditioner = preconditioner { $0.inverseInterval = .every(goodSteps) }
                    for seed in 0..<goodSteps { _ = step(preconditioner, seed: UInt64(seed) * 10) }
                    let before = preconditioner.blocks.map { $0.state.mapValues { $0.cloned() } }
                    let (_, isFinite) = step(preconditioner, seed: 77) { record, index in
                        if index == spoiledLayer { spoil(&record) }
                    }
                    let title = "\(name), layer \(spoiledLayer), after \(goodSteps) steps"
                    XCTAssertFalse(isFinite, title)
                    for (block, state) in zip(preconditioner.blocks, before) {
                        assertIdentical(block.state, state, title)
                    }
                }
            }
        }
    }

    /// A loss that is not finite counts as well, also where the layers' gradients are.
    func testOthersThatAreNotFinite() {
        let preconditioner = preconditioner()
        _ = step(preconditioner, seed: 0)
        let before = preconditioner.blocks.map { $0.state.mapValues { $0.cloned() } }
        preconditioner.beginMicroBatch()
        for (index, layer) in layers.enumerated() {
            preconditioner.record(layer.draw(6, seed: 5, dtype: .float32).record, block: index)
        }
        let isFinite = preconditioner.directions(learningRate: 0.1, othersFinite: Tensor(false)).isFinite
        XCTAssertFalse(isFinite.item(as: Bool.self))
        for (block, state) in zip(preconditioner.blocks, before) { assertIdentical(block.state, state) }
    }

    /// Curvature of a step long ago, gradients of now: where the quotient is beyond float32 the step must not be taken.
    func testAStepThatOverflowsIsNotFinite() {
        let preconditioner = preconditioner {
            $0.damping = 0
            $0.factorInterval = .every(10)
            $0.inverseInterval = .every(10)
        }
        let tiny = step(preconditioner, seed: 0) { record, _ in record.outputGradient = record.outputGradient * 1e-15 }
        XCTAssertTrue(tiny.isFinite)
        let (directions, isFinite) = step(preconditioner, seed: 10) { record, _ in
            record.outputGradient = record.outputGradient * 1e12
        }
        let allFinite = directions.allSatisfy { $0.isFinite().all().item(as: Bool.self) }
        XCTAssertFalse(allFinite, "the case does not overflow")
        XCTAssertEqual(isFinite, allFinite)
    }

    // MARK: Precision

    /// Factors are float32 at least, and the step is the float32 one on rounded records.
    func testHalfPrecisionRecords() {
        for dtype in [DType.bfloat16, .float16] {
            for layer in [layers[0], layers[1], layers[2], layers[4]] {
                let preconditioner = FisherPreconditioner(
                    blocks: [layer.block(.expand)], configuration: Settings().curvature)
                let (record, examples) = layer.draw(6, seed: 1, dtype: dtype)
                preconditioner.beginMicroBatch()
                do {
                    try TorchError.catching { preconditioner.record(record, block: 0) }
                    let directions = try TorchError.catching { preconditioner.directions(learningRate: 1).directions }
                    let factor = preconditioner.blocks[0].state.values.first!
                    XCTAssertEqual(factor.dtype, .float32)
                    let expected = ReferenceOptimizer(
                        [layer.reference(.expand)], sizes: [layer.parameterCount], options: Settings().reference
                    ).directions([[examples]], learningRate: 1)
                    let direction = preconditioner.blocks[0].pack(directions[0]!)
                    // Sums of gradients come from the model's own type.
                    assertReference(
                        direction, expected[0], below: dtype == .float16 ? 1e-2 : 6e-2, "\(layer.name), \(dtype)")
                } catch {
                    XCTFail("\(layer.name), \(dtype): \(error)")
                }
            }
        }
    }
}

/// A copy with one element in the middle replaced.
private func spoiled(_ tensor: Tensor, _ value: Double) -> Tensor {
    let copy = tensor.contiguous().cloned()
    copy.reshaped([-1]).selected(0, tensor.count / 2).fill(value)
    return copy
}
