import DenseComparison
import FOPCore
import TestSupport
import Torch
import XCTest

/// The kinds of blocks that are not the Kronecker product of whole factors, on records that are degenerate, huge or
/// tiny.
final class BlockNumericsTests: SmallTensorTestCase {
    private func blocks(_ geometry: any LayerGeometry) -> [(String, any FisherBlock)] {
        [
            ("ekfac", EigenbasisBlock(geometry)), ("split ekfac", EigenbasisBlock(geometry, maximumSize: 3)),
            ("split", SplitKroneckerBlock(geometry, maximumSize: 3)), ("diagonal", DiagonalBlock(geometry)),
        ]
    }

    private let changes: [(String, (inout LayerRecord) -> Void)] = [
        ("zero inputs", { $0.input = $0.input.zerosLike() }),
        ("zero gradients", { $0.outputGradient = $0.outputGradient.zerosLike() }),
        ("constant", {
            $0.input = $0.input.onesLike()
            $0.outputGradient = $0.outputGradient.onesLike()
        }),
        ("inputs * 1e6", { $0.input = $0.input * 1e6 }), ("inputs * 1e-6", { $0.input = $0.input * 1e-6 }),
        ("gradients * 1e6", { $0.outputGradient = $0.outputGradient * 1e6 }),
        ("gradients * 1e-15", { $0.outputGradient = $0.outputGradient * 1e-15 }),
    ]

    func testEveryRecordGivesAFiniteStepThatIsNotUphill() {
        for layer in [LayerCase.linear[0], LayerCase.linear[3], LayerCase.convolutions[7], LayerCase.transposed[4]] {
            let geometry = (layer.block(.expand) as! KroneckerBlock).geometry
            for (change, spoil) in changes {
                for damping in [1e-2, 1e-8, 0] {
                    for (kind, block) in blocks(geometry) {
                        let title = "\(layer.name), \(kind), \(change), damping \(damping)"
                        for seed in 0..<2 {
                            var record = layer.draw(6, seed: UInt64(seed), dtype: .float32).record
                            spoil(&record)
                            block.accumulate(record, as: .newExamples)
                            block.updateAverages(
                                block.takeStatistics(gradientScale: 6), decay: 0.5, isFinite: Tensor(true))
                            XCTAssertFalse(block.updateInverse(damping: damping).isEmpty, title)
                            let gradient = block.gradient(record)
                            let step = block.precondition(gradient)
                            XCTAssertTrue(step.isFinite().all().item(as: Bool.self), title)
                            XCTAssertGreaterThanOrEqual(gradient.inner(step).item(as: Double.self), 0, title)
                        }
                    }
                }
            }
        }
    }

    /// M^-1 M V = V, whatever the kind.
    func testTheInverseInvertsTheDampedProduct() {
        for layer in [LayerCase.linear[0], LayerCase.linear[3], LayerCase.convolutions[7], LayerCase.transposed[4]] {
            for (kind, block) in blocks((layer.block(.expand) as! KroneckerBlock).geometry) {
                for seed in 0..<3 {
                    let record = layer.draw(9, seed: UInt64(seed), dtype: .float64).record
                    block.accumulate(record, as: .newExamples)
                    block.updateAverages(block.takeStatistics(gradientScale: 9), decay: 0.5, isFinite: Tensor(true))
                    _ = block.updateInverse(damping: 0.02)
                }
                let V = randomTensor(block.shape, seed: 5, dtype: .float64)
                assertRelativeDifference(
                    block.precondition(block.dampedProduct(V)), V, below: 1e-10, "\(layer.name), \(kind)")
            }
        }
    }

    /// Statistics that are not finite change nothing.
    func testNothingIsTakenInThatIsNotFinite() {
        let layer = LayerCase.linear[2]
        for (kind, block) in blocks((layer.block(.expand) as! KroneckerBlock).geometry) {
            func update(_ record: LayerRecord, isFinite: Bool) {
                block.accumulate(record, as: .newExamples)
                block.updateAverages(block.takeStatistics(gradientScale: 6), decay: 0.5, isFinite: Tensor(isFinite))
            }
            let record = layer.draw(6, seed: 1, dtype: .float32).record
            for _ in 0..<2 {
                update(record, isFinite: true)
                _ = block.updateInverse(damping: 0.1)
            }
            let before = block.state.mapValues { $0.cloned() }
            var spoiled = record
            spoiled.outputGradient = record.outputGradient * .nan
            update(spoiled, isFinite: false)
            assertIdentical(block.state, before, kind)
        }
    }
}
