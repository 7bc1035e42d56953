import DenseComparison
import DenseReference
import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Networks with normalisation: inputs and output gradients of the layers are recorded in float64, all else is the
/// reference's.
final class DenseNormalizationTests: SmallTensorTestCase {
    private let convolution = ReferenceConvolution(
        2, 4, kernel: [3, 3], stride: [2, 2], padding: [1, 1], hasBias: false)

    private func layers(_ dtype: DType) -> [any Layer] {
        let generator = Generator(seed: 6)
        let first = convolution.layer(generator)
        let head = Linear(12, 5, generator: generator)
        let last = Linear(5, 3, generator: generator)
        let layers: [any Layer] = [
            first, BatchNorm(4), Tanh(), Conv2d(4, 4, kernel: 1, generator: generator),
            GroupNorm(groups: 2, channels: 4),
            Tanh(), Flatten(), LayerNorm(12), head, RMSNorm(5), last,
        ]
        return layers.map { layer in
            // Scales and shifts that are not all alike.
            for (index, part) in layer.ownParameters.enumerated() where part.parameter.shape.count == 1 {
                let noise = randomTensor(part.parameter.shape, seed: UInt64(index), dtype: .float32) * 0.2
                part.parameter.value = part.parameter.value.detached() + noise
            }
            return layer
        }
    }

    /// Which of the layers have blocks, what those are, and how an input and a gradient become examples.
    private var kinds: [(place: Int, block: ReferenceBlock, examples: (DenseArray, DenseArray) -> [LayerExample])] {
        let pointwise = ReferenceConvolution(4, 4, kernel: [1, 1])
        func images(_ convolution: ReferenceConvolution) -> (DenseArray, DenseArray) -> [LayerExample] {
            { zip($0.parts, $1.parts).map { convolutionExample(convolution, input: $0, gradient: $1) } }
        }
        let vectors: (DenseArray, DenseArray) -> [LayerExample] = {
            zip($0.parts, $1.parts).map { linearExample(input: $0, gradient: $1, hasBias: true) }
        }
        func normalized(
            _ definition: ReferenceNormalization, epsilon: Double, hasBias: Bool = true
        ) -> (DenseArray, DenseArray) -> [LayerExample] {
            {
                definition.examples(
                    normalized: definition.normalize($0, epsilon: epsilon), gradient: $1, hasBias: hasBias)
            }
        }
        return [
            (0, .kronecker(), images(convolution)),
            (1, .unitWise(width: 2), normalized(.batch, epsilon: 1e-5)),
            (3, .kronecker(), images(pointwise)),
            (4, .unitWise(width: 2), normalized(.group(2), epsilon: 1e-5)),
            (7, .unitWise(width: 2), normalized(.layer([12]), epsilon: 1e-5)),
            (8, .kronecker(), vectors),
            (9, .unitWise(width: 1), normalized(.rootMeanSquare([5]), epsilon: Double.ulpOfOne, hasBias: false)),
            (10, .kronecker(), vectors),
        ]
    }

    private func pair(_ dtype: DType) -> SideBySide {
        let layers = layers(dtype)
        let model = Sequential(layers).to(dtype)
        let recorded = Sequential(self.layers(.float64)).to(.float64)
        let kinds = kinds
        return SideBySide(
            model, layers: kinds.map { layers[$0.place] }, blocks: kinds.map(\.block),
            examples: { weights, batch in
                for (vector, kind) in zip(weights, kinds) { setWeights(recorded.layers[kind.place], vector) }
                let recorder = Recorder(recorded.layers)
                let loss = crossEntropy(recorded(batch.inputs.to(.float64)), batch.labels, reduction: .sum)
                recorder.backPropagate(loss)
                return kinds.map { kind in
                    let (input, gradient) = recorder.records[ObjectIdentifier(recorded.layers[kind.place])]!
                    return kind.examples(input, gradient)
                }
            })
    }

    private func batches(_ counts: [Int], dtype: DType) -> [[LabelledBatch]] {
        counts.enumerated().map { step, count in
            [LabelledBatch(count, [2, 5, 2], classes: 3, seed: UInt64(step), dtype: dtype)]
        }
    }

    func testEveryNormalization() throws {
        for dtype in [DType.float32, .float64] {
            try pair(dtype).check(batches([6, 7, 6], dtype: dtype), "\(dtype)")
        }
    }

    func testWithEverything() throws {
        for dtype in [DType.float32, .float64] {
            var pair = pair(dtype)
            pair.settings.momentum = 0.9
            pair.settings.weightDecay = 0.02
            pair.settings.klClip = 1e-3
            pair.settings.inverseInterval = 2
            try pair.check(batches([6, 7, 8], dtype: dtype), "\(dtype)")
        }
    }

    func testKFAC() throws {
        var pair = pair(.float64)
        pair.settings.policies.beta = .zero
        try pair.check(batches([6, 7], dtype: .float64))
    }

    /// Channels last in memory must not matter for blocks per channel.
    func testChannelsLast() throws {
        let pair = pair(.float64)
        (pair.model as! Sequential).to(memoryFormat: .channelsLast)
        var batches = batches([6, 7], dtype: .float64)
        for step in batches.indices { batches[step][0].inputs = batches[step][0].inputs.contiguous(.channelsLast) }
        try pair.check(batches)
    }
}

/// Writes down the input and the output gradient of every layer.
private final class Recorder: LayerObserver {
    private let anchor = GradientAnchor()
    private(set) var records: [ObjectIdentifier: (input: DenseArray, gradient: DenseArray)] = [:]

    init(_ layers: [any Layer]) {
        for layer in layers { layer.observer = self }
    }

    func observe(_ layer: Module, input: Tensor, output: Tensor, context: LayerContext) -> Tensor {
        let input = DenseArray(input)
        return anchor.tap(output) { self.records[ObjectIdentifier(layer)] = (input, DenseArray($0)) }
    }

    func backPropagate(_ loss: Tensor) { _ = gradients(of: [loss], withRespectTo: [anchor.tensor]) }
}
