import DenseComparison
import DenseReference
import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Convolutional networks from input to new weights, against plain loops.
final class DenseConvolutionTests: SmallTensorTestCase {
    /// One of the networks: a convolution layer after the other, tanh or ReLU between, a linear layer at the end.
    private struct Net {
        let name: String
        let convolutions: [ReferenceConvolution]
        let inputShape: [Int]
        var relu = false
    }

    private let nets = [
        Net(
            name: "strided",
            convolutions: [
                ReferenceConvolution(1, 3, kernel: [3, 3], stride: [2, 2], padding: [1, 1]),
                ReferenceConvolution(3, 4, kernel: [2, 2], stride: [1, 2], hasBias: false),
            ], inputShape: [1, 6, 7]),
        Net(
            name: "strided, ReLU",
            convolutions: [ReferenceConvolution(2, 4, kernel: [3, 3], stride: [2, 2], padding: [1, 1])],
            inputShape: [2, 5, 5], relu: true),
        Net(
            name: "depthwise and 1 x 1",
            convolutions: [
                ReferenceConvolution(2, 4, kernel: [3, 3], padding: [1, 1], groups: 2),
                ReferenceConvolution(4, 3, kernel: [1, 1]),
            ], inputShape: [2, 4, 3]),
        Net(
            name: "grouped and dilated",
            convolutions: [
                ReferenceConvolution(2, 4, kernel: [2, 2], padding: [1, 1], dilation: [2, 1]),
                ReferenceConvolution(4, 4, kernel: [2, 2], groups: 2, hasBias: false),
            ], inputShape: [2, 5, 4]),
        Net(
            name: "asymmetric",
            convolutions: [
                ReferenceConvolution(1, 2, kernel: [1, 3], stride: [1, 2], padding: [0, 1]),
                ReferenceConvolution(2, 3, kernel: [3, 1], padding: [2, 0], dilation: [2, 1]),
            ], inputShape: [1, 4, 5]),
        Net(
            name: "1d",
            convolutions: [
                ReferenceConvolution(2, 3, kernel: [3], stride: [2], padding: [1]),
                ReferenceConvolution(3, 2, kernel: [2], dilation: [2]),
            ], inputShape: [2, 9]),
    ]

    private func pair(_ net: Net, dtype: DType, sharing: ReferenceSharing = .expand) -> SideBySide {
        let generator = Generator(seed: 4)
        var layers: [any Layer] = []
        var stages: [ReferenceNetwork.Stage] = []
        var weighted: [Module] = []
        var sizes = Array(net.inputShape[1...])
        for convolution in net.convolutions {
            let layer = convolution.layer(generator)
            weighted.append(layer)
            layers += [layer, net.relu ? ReLU() as any Layer : Tanh()]
            stages += [.convolution(convolution), net.relu ? .relu : .tanh]
            sizes = convolution.outputSizes(sizes)
        }
        let head = Linear(net.convolutions.last!.outputs * sizes.reduce(1, *), 3, generator: generator)
        weighted.append(head)
        layers += [Flatten(), head]
        stages += [.flatten, .linear(hasBias: true)]
        var pair = SideBySide(
            Sequential(layers).to(dtype), ReferenceNetwork(stages), layers: weighted, sharing: sharing)
        pair.settings.sharing = sharing
        return pair
    }

    private func batches(_ net: Net, _ counts: [Int], dtype: DType) -> [[LabelledBatch]] {
        counts.enumerated().map { step, count in
            [LabelledBatch(count, net.inputShape, classes: 3, seed: UInt64(step + 1), dtype: dtype)]
        }
    }

    func testEveryNetwork() throws {
        for net in nets {
            for dtype in [DType.float32, .float64] {
                try pair(net, dtype: dtype).check(batches(net, [5, 6], dtype: dtype), "\(net.name), \(dtype)")
            }
        }
    }

    func testReduce() throws {
        for net in nets {
            let pair = pair(net, dtype: .float64, sharing: .reduce)
            try pair.check(batches(net, [5, 4], dtype: .float64), net.name)
        }
    }

    func testSeveralStepsWithEverything() throws {
        for dtype in [DType.float32, .float64] {
            var pair = pair(nets[0], dtype: dtype)
            pair.settings.momentum = 0.9
            pair.settings.weightDecay = 0.01
            pair.settings.klClip = 1e-3
            pair.settings.factorInterval = 2
            pair.settings.inverseInterval = 2
            try pair.check(batches(nets[0], [7, 6, 7, 1, 5], dtype: dtype), "\(dtype)")
        }
    }

    /// Parameters and inputs whose channels come last in memory.
    func testChannelsLast() throws {
        for net in nets where net.inputShape.count == 3 {
            let pair = pair(net, dtype: .float64)
            (pair.model as! Sequential).to(memoryFormat: .channelsLast)
            var batches = batches(net, [5, 6], dtype: .float64)
            for step in batches.indices { batches[step][0].inputs = batches[step][0].inputs.contiguous(.channelsLast) }
            try pair.check(batches, net.name)
        }
    }
}

extension ReferenceConvolution {
    func layer(_ generator: Generator) -> Convolution {
        if kernel.count == 1 {
            return Conv1d(
                channels, outputs, kernel: kernel[0], stride: stride[0], padding: padding[0], dilation: dilation[0],
                groups: groups, bias: hasBias, generator: generator)
        }
        return Conv2d(
            channels, outputs, kernel: (kernel[0], kernel[1]), stride: (stride[0], stride[1]),
            padding: (padding[0], padding[1]), dilation: (dilation[0], dilation[1]), groups: groups, bias: hasBias,
            generator: generator)
    }
}
