import DenseComparison
import FOPCore
import TestSupport
import Torch
import XCTest

/// Where somebody else computes the gradients, as in a PyTorch loop: records and totals give the same steps as records
/// alone.
final class FollowingTotalsTests: SmallTensorTestCase {
    /// The same batches for an engine that computes gradients and one that is told.
    private struct Pair {
        let layers: [LayerCase]
        let own, told: FisherPreconditioner
        /// The gradients as a training loop has them: the sums over all micro-batches.
        private(set) var gradients: [[Tensor]] = []

        init(_ layers: [LayerCase], change: (inout CurvatureConfiguration) -> Void = { _ in }) {
            self.layers = layers
            var configuration = CurvatureConfiguration()
            configuration.factorInterval = .every(1)
            configuration.inverseInterval = .every(1)
            change(&configuration)
            own = FisherPreconditioner(blocks: layers.map { $0.block(.expand) }, configuration: configuration)
            told = FisherPreconditioner(
                blocks: layers.map { $0.block(.expand) }, configuration: configuration, totalsFollow: true)
        }

        mutating func record(_ sizes: [Int], seed: UInt64, completing: Bool = true) {
            gradients = []
            for (micro, count) in sizes.enumerated() {
                own.beginMicroBatch()
                told.beginMicroBatch()
                for (index, layer) in layers.enumerated() {
                    let record = layer.draw(
                        count, seed: seed + UInt64(10 * micro + index), dtype: .float64, total: sizes.reduce(0, +)
                    ).record
                    own.record(record, block: index)
                    told.record(record, block: index)
                    let block = told.blocks[index]
                    let total = block.unpack(block.gradient(record))
                    if completing { told.complete(total, block: index) }
                    gradients = micro == 0 ? gradients + [total] : gradients
                    if micro > 0 { gradients[index] = zip(gradients[index], total).map { $0 + $1 } }
                }
            }
        }

        func compare(_ title: String, gradients: [[Tensor]]? = nil, file: StaticString = #filePath, line: UInt = #line) {
            let (expected, _) = own.directions(learningRate: 0.3)
            let (found, isFinite) = told.directions(
                learningRates: layers.map { _ in 0.3 }, gradients: gradients ?? self.gradients)
            XCTAssertTrue(isFinite.item(as: Bool.self), title, file: file, line: line)
            for (index, layer) in layers.enumerated() {
                guard let d = found[index], let reference = expected[index] else {
                    return XCTFail("\(title): no direction", file: file, line: line)
                }
                assertReference(
                    told.blocks[index].pack(d), own.blocks[index].pack(reference).scalars(), below: 1e-9,
                    "\(title), \(layer.name)", file: file, line: line)
            }
        }
    }

    func testTheStepsAreThoseOfRecordsAlone() {
        for reduction in [LossReduction.mean, .sum] {
            var pair = Pair(LayerCase.all) { $0.lossReduction = reduction }
            for (step, sizes) in [[8], [7], [4, 3], [3, 2, 4], [1], [2, 2, 2, 1]].enumerated() {
                pair.record(sizes, seed: UInt64(100 * step))
                pair.compare("\(sizes), \(reduction)")
            }
        }
    }

    /// K-FAC's step is along the total, also where the noise asks for sub-batches of other sizes.
    func testKFAC() {
        for measuresNoise in [false, true] {
            var pair = Pair(LayerCase.all) { $0.beta = .zero }
            pair.told.measuresNoise = measuresNoise
            for (step, sizes) in [[7], [4, 3], [3, 2, 4]].enumerated() {
                pair.record(sizes, seed: UInt64(100 * step))
                pair.compare("\(sizes), noise \(measuresNoise)")
            }
        }
    }

    func testAClippedGradientKeepsItsPartsInProportion() {
        var pair = Pair(LayerCase.all)
        pair.record([7], seed: 1)
        let factor = 0.03
        pair.own.scaleGradients(by: Tensor(factor))
        pair.compare("clipped", gradients: pair.gradients.map { $0.map { $0 * factor } })
    }

    /// Whatever has become of the mean gradient: it is the mean of what the projection sees.
    func testTheMeanIsWhatItIsSaidToBe() {
        let layer = LayerCase.linear[0]
        var pair = Pair([layer]) { $0.klClip = nil }
        pair.record([8], seed: 3)
        let other = randomTensor(pair.told.blocks[0].shape, seed: 77, dtype: .float64)
        let (directions, _) = pair.told.directions(
            learningRates: [0.1], gradients: [pair.told.blocks[0].unpack(other)])
        XCTAssertNotNil(directions[0])
        // B = <g_avg, M^-1 g_avg>, and both halves have as many examples.
        let expected = other.inner(pair.told.blocks[0].precondition(other)).item(as: Double.self)
        XCTAssertEqual(pair.told.lastScalars[0]!.B.item(as: Double.self), expected, accuracy: 1e-9 * expected)
    }

    func testLayersWithoutATotalOrAGradientHaveNoStepAndKeepTheirCurvature() {
        var pair = Pair(Array(LayerCase.linear.prefix(2)))
        pair.record([8], seed: 0)
        pair.compare("first")
        let before = pair.told.state(names: ["a", "b"])["a.input_factor"]!.cloned()
        pair.record([8], seed: 50, completing: false)
        pair.told.complete(pair.gradients[1], block: 1)
        let (directions, _) = pair.told.directions(
            learningRates: [0.1, 0.1], gradients: [pair.gradients[0], nil])
        XCTAssertNil(directions[0])
        XCTAssertNil(directions[1])
        XCTAssertTrue(before.isEqual(to: pair.told.state(names: ["a", "b"])["a.input_factor"]!))
        XCTAssertFalse(pair.told.hasGathered)
    }

    /// The totals' memory stays their owner's, who goes on using it.
    func testTotalsAreNotKept() {
        var pair = Pair([LayerCase.linear[1]])
        pair.record([3], seed: 0)
        pair.told.beginMicroBatch()
        pair.own.beginMicroBatch()
        let record = pair.layers[0].draw(4, seed: 9, dtype: .float64, total: 4).record
        for engine in [pair.own, pair.told] { engine.record(record, block: 0) }
        let block = pair.told.blocks[0]
        let total = block.unpack(block.gradient(record))
        pair.told.complete(total, block: 0)
        let sum = zip(pair.gradients[0], total).map { $0 + $1 }
        for tensor in total { tensor.fill(0) }
        pair.compare("overwritten", gradients: [sum])
    }

    /// A normalisation's statistics from its input are those that the layer itself reports.
    func testStatisticsFromTheInput() {
        let shapes: [(NormalizationKind, shape: [Int], dimensions: Int, groups: Int)] = [
            (.batch, [5, 3, 2, 2], 1, 1), (.batch, [5, 4], 1, 1), (.group, [5, 4, 3], 1, 2), (.layer, [5, 2, 4], 1, 1),
            (.layer, [5, 2, 2, 3], 2, 1),
        ]
        for (kind, shape, dimensions, groups) in shapes {
            let input = randomTensor(shape, seed: 4, dtype: .float64) * 2 + 0.5
            let (mean, inverse) = NormalizationStatistics(
                kind, dimensions: dimensions, groups: groups, epsilon: 1e-3
            ).of(input)
            let layer: (Tensor) -> Tensor =
                switch kind {
                case .batch: { BatchNorm(shape[1], epsilon: 1e-3)($0.to(.float32)) }
                case .group: { GroupNorm(groups: groups, channels: shape[1], epsilon: 1e-3)($0.to(.float32)) }
                case .layer: { LayerNorm(Array(shape.suffix(dimensions)), epsilon: 1e-3)($0.to(.float32)) }
                }
            let units = kind == .layer ? Array(shape.suffix(dimensions)) : [shape[1]]
            let block = UnitWiseBlock(kind, parameterShape: units)
            // With an output gradient of ones at one place only, the scale's gradient is the normalised input there.
            let gradient = Tensor.zeros(shape, dtype: .float64)
            gradient[0].fill(1)
            let record = LayerRecord(input: input, outputGradient: gradient, normalization: (mean, inverse))
            let scale = block.unpack(block.gradient(record))[0]
            let normalized = layer(input)[0]
            let expected =
                kind == .layer ? normalized.reshaped([-1] + units).sum([0]) : normalized.reshaped([units[0], -1]).sum([1])
            assertReference(scale, expected.scalars(as: Double.self), below: 1e-5, "\(kind) \(shape)")
        }
    }
}
