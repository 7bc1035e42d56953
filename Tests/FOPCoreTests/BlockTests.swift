import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch
import XCTest

/// Gradients, factors, inverses and products of every kind of block, against full matrices made from each example's own
/// gradient.
final class BlockTests: SmallTensorTestCase {
    func testEveryBlockEqualsTheDenseComputation() {
        for layer in LayerCase.all {
            for dtype in [DType.float32, .float64] {
                for (count, sharing) in [(5, ReferenceSharing.expand), (2, .reduce), (1, .expand)] {
                    // Batch normalisation of one number gives 0, and a batch of one or two vectors little more.
                    if layer.name.hasPrefix("batch norm"), count < 5 { continue }
                    compare(layer, count: count, sharing: sharing, dtype: dtype)
                }
            }
        }
    }

    private func compare(_ layer: LayerCase, count: Int, sharing: ReferenceSharing, dtype: DType) {
        let title = "\(layer.name), N = \(count), \(sharing), \(dtype)"
        let block = layer.block(sharing == .expand ? .expand : .reduce)
        let reference = layer.reference(sharing)
        let (record, examples) = layer.draw(count, seed: 7, dtype: dtype)
        assertReference(block.gradient(record), meanGradient(examples), "\(title): gradient")

        block.accumulate(record, as: .newExamples)
        let statistics = block.takeStatistics(gradientScale: Double(count))
        let factors = reference.statistics(examples)
        if block is KroneckerBlock || block is UnitWiseBlock { compareStatistics(statistics, factors, title) }
        XCTAssertTrue(block.takeStatistics(gradientScale: 1).isEmpty, "\(title): statistics are taken once")

        block.updateAverages(statistics, decay: 0.9, isFinite: Tensor(true))
        let damping = 0.05
        let outcomes = block.updateInverse(damping: damping)
        XCTAssertTrue(outcomes.allSatisfy { $0 == .cholesky } && !outcomes.isEmpty, "\(title): \(outcomes)")
        if let block = block as? KroneckerBlock {
            compareInverses(block, reference.dampedFactors(factors, damping), title)
        }

        let V = randomTensor(block.shape, seed: 8, dtype: dtype)
        let vector = V.scalars(as: Double.self)
        let (F, M) = (reference.fisher(factors), reference.damped(factors, damping))
        assertReference(block.fisherProduct(V), F * vector, "\(title): F V")
        assertReference(block.dampedProduct(V), M * vector, "\(title): M V")
        assertReference(block.precondition(V), M.solve([vector])[0], "\(title): M^-1 V")
        assertTakesStacks(block, V, title)
        assertIdentical(block.pack(block.unpack(V)), V, "\(title): pack and unpack")
    }

    /// The product keeps all groups' input factors in one tensor, all output factors in another.
    private func compareStatistics(_ statistics: [Tensor], _ factors: [Matrix], _ title: String) {
        let kinds = statistics.count
        for (kind, tensor) in statistics.enumerated() {
            let own = stride(from: kind, to: factors.count, by: kinds).flatMap { factors[$0].values }
            assertReference(tensor, own, "\(title): factor \(kind)")
        }
    }

    private func compareInverses(_ block: KroneckerBlock, _ damped: [(A: Matrix, G: Matrix)], _ title: String) {
        guard let input = block.state["input_inverse"], let output = block.state["output_inverse"] else {
            return XCTFail("\(title): no inverses")
        }
        assertReference(input, damped.flatMap { $0.A.inverse.values }, "\(title): inverse of A")
        assertReference(output, damped.flatMap { $0.G.inverse.values }, "\(title): inverse of G")
    }

    /// Layer kinds, kernels, strides and groups must not matter for the order in memory.
    func testChannelsLastGivesTheSameFactorsAndGradients() {
        for layer in LayerCase.convolutions + LayerCase.normalizations where layer.inputShape.count == 3 {
            for sharing in [WeightSharing.expand, .reduce] {
                let (record, examples) = layer.draw(5, seed: 3, dtype: .float64)
                var other = record
                other.input = record.input.contiguous(.channelsLast)
                other.outputGradient = record.outputGradient.contiguous(.channelsLast)
                let block = layer.block(sharing)
                assertReference(block.gradient(other), meanGradient(examples), layer.name)
                block.accumulate(other, as: .newExamples)
                let statistics = block.takeStatistics(gradientScale: 5)
                let factors = layer.reference(sharing == .expand ? .expand : .reduce).statistics(examples)
                compareStatistics(statistics, factors, "\(layer.name), channels last")
            }
        }
    }

    /// With one example at one position the block is the true one: g a^T as a vector times its own transpose.
    func testOneExampleAtOnePositionGivesTheTrueBlock() {
        for layer in LayerCase.linear where layer.inputShape.count == 1 {
            for dtype in [DType.float32, .float64] {
                let (record, examples) = layer.draw(1, seed: 11, dtype: dtype)
                let block = layer.block(.expand)
                block.accumulate(record, as: .newExamples)
                block.updateAverages(block.takeStatistics(gradientScale: 1), decay: 0.5, isFinite: Tensor(true))
                let V = randomTensor(block.shape, seed: 12, dtype: dtype)
                let gradient = examples[0].gradient
                let product = Matrix.outer(gradient, gradient) * V.scalars(as: Double.self)
                assertReference(block.fisherProduct(V), product, "\(layer.name), \(dtype)")
            }
        }
    }
}
