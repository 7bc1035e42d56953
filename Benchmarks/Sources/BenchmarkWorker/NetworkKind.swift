import ArgumentParser
import Models
import Torch

/// The networks that are measured. Benchmarks/peers/networks.py has them in PyTorch, with the same names of weights.
enum NetworkKind: String, CaseIterable, ExpressibleByArgument {
    /// What `make run` trains.
    case resnet
    /// ResNet-18 for colour pictures of 32 x 32: a 3 x 3 stem of stride 1, no pooling.
    case resnet18
    /// The vision transformer of 4 blocks of width 64.
    case vit
    /// The convolutions of `resnet` one after the other, without normalisation: what can be passed in slices unseen.
    case plain
    /// As many convolutions of as many channels as asked for, without normalisation: for the growth of the cost.
    case tower

    var prefersChannelsLast: Bool { self != .vit }

    /// Of one picture.
    var inputShape: [Int] { self == .resnet18 ? [3, 32, 32] : [1, 28, 28] }

    /// - Parameters:
    ///   - width: channels of ``tower``.
    ///   - depth: its convolutions after the first.
    ///   - seed: what the weights are drawn from.
    func make(width: Int = 32, depth: Int = 4, seed: UInt64 = 0) -> any Layer {
        let generator = Generator(seed: seed)
        return switch self {
        case .resnet: ResidualNetwork(generator: generator)
        case .resnet18:
            ResidualNetwork(
                channels: 3, widths: [64, 64, 128, 128, 256, 256, 512, 512], strides: [1, 1, 1, 2, 1, 2, 1, 2, 1],
                generator: generator)
        case .vit: VisionTransformer(generator: generator)
        case .plain:
            PlainNetwork(
                widths: [16, 16, 16, 32, 32, 64, 64], strides: [2, 1, 1, 2, 1, 2, 1], generator: generator)
        case .tower:
            PlainNetwork(
                widths: [Int](repeating: width, count: depth + 1), strides: [2] + [Int](repeating: 1, count: depth),
                generator: generator)
        }
    }
}

/// 3 x 3 convolutions with ReLU, global average pooling, linear classifier, for grey pictures and ten classes.
final class PlainNetwork: Module, Layer {
    let convolutions: [Conv2d]
    let head: Linear

    init(widths: [Int], strides: [Int], generator: Generator) {
        convolutions = zip(zip([1] + widths, widths), strides).map { channels, stride in
            Conv2d(channels.0, channels.1, kernel: 3, stride: stride, padding: 1, generator: generator)
        }
        head = Linear(widths.last!, 10, generator: generator)
        super.init()
    }

    func callAsFunction(_ input: Tensor) -> Tensor {
        head(convolutions.reduce(input) { $1($0).relu() }.mean([2, 3]))
    }
}
