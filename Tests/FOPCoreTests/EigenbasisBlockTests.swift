import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch
import XCTest

/// EKFAC against full matrices.
final class EigenbasisBlockTests: SmallTensorTestCase {
    private func geometry(_ layer: LayerCase) -> any LayerGeometry { (layer.block(.expand) as! KroneckerBlock).geometry }

    private func take(_ record: LayerRecord, into block: any FisherBlock, decay: Double, damping: Double) {
        take([record], into: block, decay: decay, damping: damping)
    }

    /// - Parameter calls: of one pass.
    private func take(_ calls: [LayerRecord], into block: any FisherBlock, decay: Double, damping: Double) {
        for (number, record) in calls.enumerated() {
            block.accumulate(record, as: number == 0 ? .newExamples : .anotherCall)
        }
        let statistics = block.takeStatistics(gradientScale: Double(calls[0].examples))
        block.updateAverages(statistics, decay: decay, isFinite: Tensor(true))
        _ = block.updateInverse(damping: damping)
    }

    func testProductsFollowTheDefinition() {
        let layers = [
            LayerCase.linear[0], LayerCase.linear[2], LayerCase.convolutions[1], LayerCase.convolutions[7],
            LayerCase.transposed[0],
        ]
        for layer in layers {
            for (sharing, maximum) in [(ReferenceSharing.expand, Int.max), (.reduce, .max), (.expand, 4)] {
                // Its kernel rows see the same elements once positions are merged, and the factor is singular.
                if sharing == .reduce, layer.name.hasSuffix("grouped") { continue }
                for dtype in [DType.float32, .float64] {
                    compare(layer, sharing, maximum: maximum, calls: 1, dtype: dtype)
                }
                // Inputs merged over more positions have eigenvalues too close for float32.
                compare(layer, sharing, maximum: maximum, calls: 2, dtype: .float64)
            }
        }
    }

    /// - Parameter calls: how often the layer is called in one pass: more positions of the same examples.
    private func compare(_ layer: LayerCase, _ sharing: ReferenceSharing, maximum: Int, calls: Int, dtype: DType) {
        let block = EigenbasisBlock(
            geometry(layer), weightSharing: sharing == .expand ? .expand : .reduce, maximumSize: maximum)
        var reference = ReferenceEigenbasis(sharing, maximum: maximum)
        let damping = 0.05
        for round in 0..<3 {
            let title = "\(layer.name), \(sharing), blocks of \(maximum), \(calls) calls, \(dtype), round \(round)"
            // Enough examples for different eigenvalues: the eigenvectors of equal ones are anybody's choice.
            let drawn = (0..<calls).map { layer.draw(40, seed: UInt64(50 + round + 10 * $0), dtype: dtype) }
            let examples = drawn.dropFirst().reduce(drawn[0].examples) { all, call in
                zip(all, call.examples).map { $0.again($1) }
            }
            take(drawn.map(\.record), into: block, decay: 0.7, damping: damping)
            reference.update(examples, decay: 0.7)
            reference.updateBasis()
            let V = randomTensor(block.shape, seed: 8, dtype: dtype)
            let vector = V.scalars(as: Double.self)
            let F = reference.fisher
            let M = F + damping * .identity(F.rows)
            assertReference(block.fisherProduct(V), F * vector, "\(title): F V")
            assertReference(block.dampedProduct(V), M * vector, "\(title): M V")
            assertReference(block.precondition(V), M.solve([vector])[0], "\(title): M^-1 V")
            assertTakesStacks(block, V, title)
        }
    }

    /// Between two decompositions the second moments follow what is observed in the basis that there is.
    func testSecondMomentsMoveInTheirBasis() {
        let layer = LayerCase.linear[2]
        let block = EigenbasisBlock(geometry(layer))
        var reference = ReferenceEigenbasis(.expand)
        for round in 0..<4 {
            let (record, examples) = layer.draw(30, seed: 70 + UInt64(round), dtype: .float64)
            block.accumulate(record, as: .newExamples)
            block.updateAverages(block.takeStatistics(gradientScale: 30), decay: 0.8, isFinite: Tensor(true))
            reference.update(examples, decay: 0.8)
            if round == 0 {
                _ = block.updateInverse(damping: 0.1)
                reference.updateBasis()
            }
            let V = randomTensor(block.shape, seed: 9, dtype: .float64)
            assertReference(block.fisherProduct(V), reference.fisher * V.scalars(as: Double.self), "round \(round)")
        }
    }

    // MARK: Where it has to equal K-FAC

    /// Before anything was observed the second moments are the products of the eigenvalues: F is K-FAC's, and so is the
    /// inverse without damping.
    func testItBeginsAsKFAC() {
        for layer in [LayerCase.linear[0], LayerCase.convolutions[7], LayerCase.transposed[4]] {
            let record = layer.draw(40, seed: 3, dtype: .float64).record
            let ekfac = EigenbasisBlock(geometry(layer))
            let kfac = KroneckerBlock(geometry(layer))
            for block in [ekfac, kfac] as [any FisherBlock] { take(record, into: block, decay: 0.9, damping: 0) }
            let V = randomTensor(ekfac.shape, seed: 4, dtype: .float64)
            assertRelativeDifference(ekfac.fisherProduct(V), kfac.fisherProduct(V), below: 1e-12, layer.name)
            assertRelativeDifference(ekfac.precondition(V), kfac.precondition(V), below: 1e-9, layer.name)
        }
    }

    /// Where inputs and derivatives are independent, here every input with every derivative, the true Fisher matrix is
    /// a Kronecker product, and what is observed changes nothing.
    func testIndependentInputsAndDerivativesGiveKFAC() {
        let (inputs, outputs) = (randomTensor([7, 3], seed: 1, dtype: .float64), randomTensor([6, 2], seed: 2, dtype: .float64))
        let record = LayerRecord(
            input: inputs.unsqueezed(1).expanded([7, 6, 3]).reshaped([42, 3]),
            outputGradient: outputs.unsqueezed(0).expanded([7, 6, 2]).reshaped([42, 2]) * (1 / 42.0))
        let geometry = LinearGeometry(outputs: 2, features: 3, hasBias: true)
        let ekfac = EigenbasisBlock(geometry)
        let kfac = KroneckerBlock(geometry)
        for _ in 0..<3 {
            for block in [ekfac, kfac] as [any FisherBlock] { take(record, into: block, decay: 0.2, damping: 0) }
        }
        let V = randomTensor(ekfac.shape, seed: 4, dtype: .float64)
        assertRelativeDifference(ekfac.fisherProduct(V), kfac.fisherProduct(V), below: 1e-12)
        assertRelativeDifference(ekfac.precondition(V), kfac.precondition(V), below: 1e-10)
    }

    /// The one inequality of the paper: no other second moments in this basis, K-FAC's among them, are closer to the
    /// true Fisher matrix in the Frobenius norm.
    func testItIsCloserToTheTrueFisherThanKFAC() {
        for layer in [LayerCase.linear[0], LayerCase.linear[2], LayerCase.convolutions[6]] {
            let (record, examples) = layer.draw(25, seed: 6, dtype: .float64)
            let truth = ReferenceEigenbasis.trueFisher(examples)
            func distance(_ block: any FisherBlock) -> Double {
                for _ in 0..<2 { take(record, into: block, decay: 0, damping: 0.1) }
                let size = block.shape.reduce(1, *)
                let unit = Tensor.identity(size, dtype: .float64)
                let columns = (0..<size).map { block.fisherProduct(unit.selected(0, $0).reshaped(block.shape)).reshaped([-1]) }
                let difference = Tensor.stacked(columns) - Tensor(truth.values, shape: [size, size])
                return difference.norm().item(as: Double.self)
            }
            let (ekfac, kfac) = (distance(EigenbasisBlock(geometry(layer))), distance(KroneckerBlock(geometry(layer))))
            XCTAssertLessThan(ekfac, 0.98 * kfac, layer.name)
        }
    }
}
