import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch
import XCTest

/// What a step tells about itself.
final class DiagnosticsTests: SmallTensorTestCase {
    /// The KL norm is 1/2 lr^2 <d, M d>, and its three terms add up to it.
    func testKLNormIsThatOfTheDenseStep() throws {
        let layers = [LayerCase.linear("first"), .linear("second", inputs: 3, outputs: 2)]
        for clip in [nil, 1e-3] {
            let pair = PreconditionerPair(layers, Settings { $0.klClip = clip })
            let examples = pair.record([6], seed: 3, dtype: .float64)
            let directions = pair.preconditioner.directions(learningRate: 0.3).directions
            _ = pair.reference.directions(examples, learningRate: 0.3)
            let found = try XCTUnwrap(pair.preconditioner.diagnostics)
            XCTAssertEqual(found.layers.map(\.block), [0, 1])
            var total = 0.0
            for (index, layer) in found.layers.enumerated() {
                let step = pair.reference.lastSteps[index]
                let M = try XCTUnwrap(pair.reference.layers[index].damped)
                let plain = step.direction
                XCTAssertEqual(layer.klNorm, 0.5 * 0.09 * inner(plain, M * plain), accuracy: 1e-10)
                let half = 0.5 * 0.09 * step.eta * step.eta
                XCTAssertEqual(layer.klBase, half * step.B, accuracy: 1e-10)
                XCTAssertEqual(layer.klCross, half * 2 * step.beta * step.D, accuracy: 1e-10)
                XCTAssertEqual(layer.klOrthogonal, half * step.beta * step.beta * step.E, accuracy: 1e-10)
                XCTAssertEqual(layer.s[0], step.s, accuracy: 1e-10)
                XCTAssertEqual(layer.beta[0], step.beta, accuracy: 1e-8)
                XCTAssertEqual(layer.eta, step.eta, accuracy: 1e-10)
                XCTAssertEqual(
                    layer.correctionShare, abs(step.beta) * (step.E / step.B).squareRoot(), accuracy: 1e-8)
                let taken = pair.preconditioner.blocks[index].pack(directions[index]!).scalars(as: Double.self)
                total += 0.5 * 0.09 * inner(taken, M * taken)
            }
            XCTAssertEqual(found.klNorm, total, accuracy: 1e-10)
            XCTAssertEqual(found.trustRegionScale < 1, clip != nil)
        }
    }

    func testBlocksThatNothingPassedThroughAreLeftOut() throws {
        let pair = PreconditionerPair([.linear("first"), .linear("second")])
        XCTAssertNil(pair.preconditioner.diagnostics)
        pair.preconditioner.beginMicroBatch()
        pair.preconditioner.record(pair.layers[1].draw(4, seed: 1, dtype: .float32).record, block: 1)
        _ = pair.preconditioner.directions(learningRate: 1)
        XCTAssertEqual(pair.preconditioner.diagnostics?.layers.map(\.block), [1])
        XCTAssertNil(pair.preconditioner.lastScalars[0])
    }

    /// Examples' gradients of two layers drawn around known means with known variances, which differ from output to
    /// output: tr(Sigma) / |G|^2 over both is found.
    func testGradientNoiseScale() throws {
        for (parts, factor) in [(2, 1.0), (4, 0.5)] {
            let (outputs, inputs, batch) = (3, 4, 128)
            let means = [0.2, 0.3]
            let deviations = [[0.5, 1, 2], [1.5, 1, 0]].map { $0.map { $0 * factor } }
            var configuration = CurvatureConfiguration()
            configuration.subBatches = parts
            let preconditioner = FisherPreconditioner(
                blocks: means.map { _ in
                    KroneckerBlock(LinearGeometry(outputs: outputs, features: inputs, hasBias: false))
                },
                configuration: configuration)
            preconditioner.measuresNoise = true
            var estimates: [Double] = []
            for step in 0..<1000 {
                // All inputs are 1: every column of an example's gradient is a known vector.
                let input = Tensor.ones([batch, inputs], dtype: .float64)
                preconditioner.beginMicroBatch()
                for layer in means.indices {
                    let noise = gaussian([batch, outputs], seed: UInt64(10_000 * parts + 2 * step + layer))
                    let gradient = (noise * Tensor(deviations[layer]) + means[layer]) * (1 / Double(batch))
                    preconditioner.record(LayerRecord(input: input, outputGradient: gradient), block: layer)
                }
                _ = preconditioner.directions(learningRate: 1)
                if step >= 100, let scale = preconditioner.diagnostics?.gradientNoiseScale { estimates.append(scale) }
            }
            let variance = deviations.joined().reduce(0) { $0 + $1 * $1 }
            let expected = variance / means.reduce(0) { $0 + Double(outputs) * $1 * $1 }
            let median = estimates.sorted()[estimates.count / 2]
            XCTAssertEqual(median, expected, accuracy: 0.15 * expected, "\(parts) parts")
        }
    }

    func testNoiseIsNotMeasuredUnlessAskedFor() {
        let pair = PreconditionerPair([.linear("linear")])
        pair.record([6], seed: 1, dtype: .float32)
        _ = pair.preconditioner.directions(learningRate: 1)
        XCTAssertNil(pair.preconditioner.diagnostics?.gradientNoiseScale)
    }

    private func gaussian(_ shape: [Int], seed: UInt64) -> Tensor {
        Tensor.normal(shape, dtype: .float64, generator: Generator(seed: seed))
    }
}
