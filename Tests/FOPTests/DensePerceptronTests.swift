import DenseComparison
import DenseReference
import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// From a model's input to its new weights, against code that shares nothing with the product: perceptrons, also on
/// sequences.
final class DensePerceptronTests: SmallTensorTestCase {
    private let types = [DType.float32, .float64]

    /// inputs -> 6 -> 5 -> classes.
    private func perceptron(
        dtype: DType, hasBias: Bool = true, relu: Bool = false, tail: [ReferenceNetwork.Stage] = [],
        sharing: ReferenceSharing = .expand, seed: UInt64 = 1
    ) -> SideBySide {
        let generator = Generator(seed: seed)
        let sizes = [4, 6, 5, 3]
        let linear = (0..<3).map { Linear(sizes[$0], sizes[$0 + 1], bias: hasBias, generator: generator) }
        func activation() -> any Layer { relu ? ReLU() : Tanh() }
        var layers: [any Layer] = [linear[0], activation(), linear[1], activation()]
        if !tail.isEmpty { layers.append(MeanOverPositions()) }
        layers.append(linear[2])
        let between: ReferenceNetwork.Stage = relu ? .relu : .tanh
        let stage = ReferenceNetwork.Stage.linear(hasBias: hasBias)
        let network = ReferenceNetwork([stage, between, stage, between] + tail + [stage])
        return SideBySide(Sequential(layers).to(dtype), network, layers: linear, sharing: sharing)
    }

    private func batches(
        _ counts: [[Int]], dtype: DType, shape: [Int] = [4], positions: [Int] = []
    ) -> [[LabelledBatch]] {
        counts.enumerated().map { step, sizes in
            sizes.enumerated().map { micro, count in
                LabelledBatch(
                    count, shape, classes: 3, positions: positions, seed: UInt64(100 * step + micro), dtype: dtype)
            }
        }
    }

    func testBiasAndActivation() throws {
        for dtype in types {
            for hasBias in [true, false] {
                for relu in [true, false] {
                    let pair = perceptron(dtype: dtype, hasBias: hasBias, relu: relu)
                    try pair.check(batches([[8], [8], [8]], dtype: dtype), "\(dtype), bias \(hasBias), relu \(relu)")
                }
            }
        }
    }

    func testOddBatchesAndOneExample() throws {
        for dtype in types {
            for count in [1, 2, 3, 5, 7] {
                let pair = perceptron(dtype: dtype)
                try pair.check(batches([[count], [count]], dtype: dtype), "\(dtype), N = \(count)")
            }
        }
    }

    /// Every position is classified: the example's loss is the mean over its positions.
    func testSequences() throws {
        for dtype in types {
            for sharing in [ReferenceSharing.expand, .reduce] {
                var pair = perceptron(dtype: dtype, sharing: sharing)
                pair.settings.sharing = sharing
                let batches = batches([[5], [6]], dtype: dtype, shape: [3, 4], positions: [3])
                try pair.check(batches, "\(dtype), \(sharing)")
            }
        }
    }

    /// The last layer sees one position, those before it three.
    func testSequencesThatAreAveraged() throws {
        for dtype in types {
            for sharing in [ReferenceSharing.expand, .reduce] {
                var pair = perceptron(dtype: dtype, tail: [.meanOverPositions], sharing: sharing)
                pair.settings.sharing = sharing
                try pair.check(batches([[5], [6]], dtype: dtype, shape: [3, 4]), "\(dtype), \(sharing)")
            }
        }
    }

    func testOptions() throws {
        let changes: [(String, (inout Settings) -> Void)] = [
            ("momentum", { $0.momentum = 0.9 }), ("weight decay", { $0.weightDecay = 0.3 }),
            ("both", {
                $0.momentum = 0.5
                $0.weightDecay = 1e-2
            }),
            ("KL clip", { $0.klClip = 1e-4 }), ("wide KL clip", { $0.klClip = 1e3 }),
            ("K-FAC", { $0.policies.beta = .zero }), ("fixed beta", { $0.policies.beta = .fixed(0.5) }),
            ("eta sum", { $0.policies.eta = .sum }), ("eta off", { $0.policies.eta = .off }),
            ("damped metric", { $0.policies.isDamped = true }), ("no moving average", { $0.emaDecay = 0 }),
            ("intervals", {
                $0.factorInterval = 2
                $0.inverseInterval = 3
            }),
            ("all", {
                $0.momentum = 0.8
                $0.weightDecay = 0.05
                $0.klClip = 1e-3
                $0.emaDecay = 0.6
                $0.factorInterval = 2
                $0.inverseInterval = 2
                $0.damping = 0.1
            }),
        ]
        for (name, change) in changes {
            for dtype in types {
                var pair = perceptron(dtype: dtype)
                change(&pair.settings)
                try pair.check(batches([[6], [7], [6], [5], [6]], dtype: dtype), "\(name), \(dtype)")
            }
        }
    }

    func testMicroBatches() throws {
        for dtype in types {
            for sizes in [[4, 4], [3, 5], [2, 2, 2], [4, 1, 3, 2]] {
                let pair = perceptron(dtype: dtype)
                try pair.check(batches([sizes, sizes], dtype: dtype), "\(dtype), \(sizes)")
            }
        }
    }

    func testASumOfLosses() throws {
        for dtype in types {
            var pair = perceptron(dtype: dtype)
            pair.lossReduction = .sum
            try pair.check(batches([[7], [8], [3, 4]], dtype: dtype), "\(dtype)")
        }
    }

    /// Both calls are positions of the same weight.
    func testALayerCalledTwice() throws {
        for dtype in types {
            let generator = Generator(seed: 2)
            let first = Linear(4, 5, generator: generator)
            let shared = Linear(5, 5, generator: generator)
            let last = Linear(5, 3, generator: generator)
            let model = Sequential(first, Tanh(), shared, Tanh(), shared, Tanh(), last).to(dtype)
            let stage = ReferenceNetwork.Stage.linear(hasBias: true)
            let network = ReferenceNetwork([stage, .tanh, stage, .tanh, stage, .tanh, stage])
            let pair = SideBySide(
                model, layers: [first, shared, last], blocks: [.kronecker(), .kronecker(), .kronecker()],
                examples: { weights, batch in
                    let used = [weights[0], weights[1], weights[1], weights[2]]
                    let inputs = DenseArray(batch.inputs).parts
                    let seen = network.run(inputs, labels: batch.labelRows, weights: used).layers
                    return [seen[0], zip(seen[1], seen[2]).map { $0.again($1) }, seen[3]]
                })
            try pair.check(batches([[7], [6]], dtype: dtype), "\(dtype)")
        }
    }
}

/// N x positions x features -> N x features.
private final class MeanOverPositions: Module, Layer {
    func callAsFunction(_ input: Tensor) -> Tensor { input.mean([1]) }
}
