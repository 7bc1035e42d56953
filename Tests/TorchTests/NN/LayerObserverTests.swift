import TestSupport
import Torch
import XCTest

/// Notes what it sees, and returns the output changed or as it is.
private final class Recorder: LayerObserver {
    struct Sight {
        let layer: Module
        let input: Tensor
        let output: Tensor
        let statistics: (mean: Tensor, inverse: Tensor)?
    }

    var seen: [Sight] = []
    var factor: Double?

    func observe(_ layer: Module, input: Tensor, output: Tensor, context: LayerContext) -> Tensor {
        var statistics: (Tensor, Tensor)?
        if case .normalization(let mean, let inverse) = context { statistics = (mean, inverse) }
        seen.append(Sight(layer: layer, input: input, output: output, statistics: statistics))
        return factor.map { output * $0 } ?? output
    }
}

final class LayerObserverTests: XCTestCase {
    private let recorder = Recorder()

    private func watch<M: Module>(_ model: M) -> M {
        model.forEachModule { $1.observer = recorder }
        return model
    }

    func testEveryLayerThatTrainsIsSeenOncePerForwardPass() {
        let picture = randomTensor([2, 4, 6, 6])
        let layers: [(any Layer, Tensor)] = [
            (Linear(6, 3), picture), (Conv1d(4, 4, kernel: 3), randomTensor([2, 4, 6])),
            (Conv2d(4, 4, kernel: 3), picture), (Conv3d(1, 2, kernel: 3), randomTensor([1, 1, 4, 4, 4])),
            (ConvTranspose1d(4, 4, kernel: 3), randomTensor([2, 4, 6])), (ConvTranspose2d(4, 4, kernel: 3), picture),
            (ConvTranspose3d(1, 2, kernel: 3), randomTensor([1, 1, 4, 4, 4])), (BatchNorm(4), picture),
            (LayerNorm(6), picture), (GroupNorm(groups: 2, channels: 4), picture), (RMSNorm(6), picture),
            (Embedding(5, 3), randomIntegers([2, 3], in: 0..<5)),
        ]
        for (layer, input) in layers {
            XCTAssertFalse(layer.parameters.isEmpty)
            recorder.seen = []
            layer.observer = recorder
            recorder.factor = 2
            let output = layer(input)
            XCTAssertEqual(recorder.seen.count, 1, "\(type(of: layer))")
            guard let sight = recorder.seen.first else { continue }
            XCTAssertTrue(sight.layer === layer)
            assertIdentical(sight.input, input)
            assertIdentical(output, sight.output * 2, "\(type(of: layer)) returns what the observer returns")
        }
    }

    func testAModelShowsEachLayerOnce() {
        let model = watch(
            Sequential(
                Conv2d(1, 2, kernel: 3), BatchNorm(2), ReLU(), Flatten(), Linear(32, 4), Dropout(), Linear(4, 2)))
        _ = model(randomTensor([3, 1, 6, 6]))
        XCTAssertEqual(
            recorder.seen.map { ObjectIdentifier($0.layer) },
            [0, 1, 4, 6].map { ObjectIdentifier(model.layers[$0]) })
    }

    func testAttentionIsSeenAsTwoLinearLayers() {
        let attention = watch(MultiheadAttention(6, heads: 2))
        _ = attention(randomTensor([2, 3, 6]))
        XCTAssertEqual(recorder.seen.map { $0.layer is Linear }, [true, true])
        XCTAssertEqual(recorder.seen.map(\.output.shape), [[2, 3, 18], [2, 3, 6]])
        recorder.seen = []
        let others = randomTensor([2, 5, 6])
        _ = attention(query: randomTensor([2, 3, 6]), key: others, value: others)
        let projections = [attention.inputProjection, attention.outputProjection]
        XCTAssertTrue(recorder.seen.map(\.layer).elementsEqual(projections, by: ===))
        XCTAssertEqual(recorder.seen.first?.input.shape, [2, 13, 6])
    }

    func testNothingIsSeenWithoutGradientsOrObserver() {
        let layer = watch(Linear(3, 2))
        recorder.factor = 5
        let plain = withoutGradients { layer(Tensor.ones([1, 3])) }
        XCTAssertTrue(recorder.seen.isEmpty)
        layer.observer = nil
        assertIdentical(layer(Tensor.ones([1, 3])), plain)
        XCTAssertTrue(recorder.seen.isEmpty)
    }

    func testAnObserverIsNotKeptAlive() {
        let layer = Linear(3, 2)
        var recorder: Recorder? = Recorder()
        layer.observer = recorder
        XCTAssertNotNil(layer.observer)
        recorder = nil
        XCTAssertNil(layer.observer)
    }

    /// `(input - mean) * inverse` must be what scale and shift are applied to.
    func testNormalisationsTellTheirStatistics() throws {
        let picture = randomTensor([3, 4, 5, 2], dtype: .float64) * 3 + 1
        let cases: [(any Layer, parameters: [Int], statistics: [Int])] = [
            (BatchNorm(4), [1, 4, 1, 1], [1, 4, 1, 1]), (LayerNorm([5, 2]), [5, 2], [3, 4, 1, 1]),
            (RMSNorm([5, 2], epsilon: 1e-5), [5, 2], [3, 4, 1, 1]),
            (GroupNorm(groups: 4, channels: 4), [1, 4, 1, 1], [3, 4, 1, 1]),
        ]
        for (layer, parameterShape, statisticsShape) in cases {
            layer.to(.float64)
            for parameter in layer.parameters { parameter.initialize(.normal(), generator: Generator(seed: 3)) }
            layer.observer = recorder
            for evaluating in layer is BatchNorm ? [false, true] : [false] {
                layer.train(!evaluating)
                recorder.seen = []
                _ = layer(picture)
                let sight = try XCTUnwrap(recorder.seen.first)
                let (mean, inverse) = try XCTUnwrap(sight.statistics, "\(type(of: layer))")
                let normalised = (picture - mean.reshaped(statisticsShape)) * inverse.reshaped(statisticsShape)
                let values = layer.parameters.map { $0.value.reshaped(parameterShape) }
                let expected = values.count == 2 ? normalised * values[0] + values[1] : normalised * values[0]
                assertClose(
                    sight.output, expected, rtol: 1e-10, atol: 1e-10, "\(type(of: layer)), evaluating: \(evaluating)")
            }
        }
    }
}
