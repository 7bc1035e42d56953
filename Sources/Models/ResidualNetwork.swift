import Torch

/// A small residual network for small pictures: stem, three stages of one basic block each, global average pooling,
/// linear classifier (He et al. 2015, arXiv 1512.03385).
///
/// ```
/// stem      3 x 3 convolution of stride 2 to 16 channels, BatchNorm, ReLU
/// stages    16, 32, 64 channels; the last two at stride 2
/// block     ReLU(BatchNorm(conv(ReLU(BatchNorm(conv(x))))) + shortcut(x))      3 x 3 convolutions
/// shortcut  x, or BatchNorm of a 1 x 1 convolution where channels or resolution change
/// head      mean over positions, linear
/// ```
/// For 28 x 28 grey pictures that is 9 convolutions, 77,754 parameters and 2.6 million multiplications per picture.
public final class ResidualNetwork: Module, Layer {
    /// The first convolution with its normalisation.
    public let stem: Sequential
    /// The blocks.
    public let stages: [ResidualBlock]
    /// The classifier.
    public let head: Linear

    /// - Parameters:
    ///   - channels: of the picture: 1 is grey, 3 colour.
    ///   - classes: how many numbers come out per picture.
    ///   - widths: the channels of the stages.
    ///   - strides: of the stem, then of each stage.
    ///   - generator: what the weights are drawn from.
    public init(
        channels: Int = 1, classes: Int = 10, widths: [Int] = [16, 32, 64], strides: [Int] = [2, 1, 2, 2],
        generator: Generator = .default
    ) {
        precondition(
            !widths.isEmpty && strides.count == widths.count + 1,
            "\(widths.count) stages and the stem need \(widths.count + 1) strides, not \(strides.count)")
        stem = Sequential(
            Conv2d(
                channels, widths[0], kernel: 3, stride: strides[0], padding: 1, bias: false, generator: generator),
            BatchNorm(widths[0]), ReLU())
        var inputs = widths[0]
        stages = zip(widths, strides.dropFirst()).map { width, stride in
            defer { inputs = width }
            return ResidualBlock(inputs, width, stride: stride, generator: generator)
        }
        head = Linear(inputs, classes, generator: generator)
        super.init()
    }

    /// N x channels x height x width to N x classes.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        let features = stages.reduce(stem(input)) { $1($0) }
        return head(features.mean([2, 3]))
    }
}

/// Two 3 x 3 convolutions with BatchNorm, and a way around them.
public final class ResidualBlock: Module, Layer {
    /// Body and shortcut.
    public let sum: Residual

    /// - Parameter stride: of the first convolution.
    public init(_ inputs: Int, _ outputs: Int, stride: Int = 1, generator: Generator = .default) {
        let body = Sequential(
            Conv2d(inputs, outputs, kernel: 3, stride: stride, padding: 1, bias: false, generator: generator),
            BatchNorm(outputs), ReLU(),
            Conv2d(outputs, outputs, kernel: 3, padding: 1, bias: false, generator: generator), BatchNorm(outputs))
        let changes = stride != 1 || inputs != outputs
        let shortcut =
            changes
            ? Sequential(
                Conv2d(inputs, outputs, kernel: 1, stride: stride, bias: false, generator: generator),
                BatchNorm(outputs)) : nil
        sum = Residual(body, shortcut: shortcut)
        super.init()
    }

    /// Body and shortcut lie directly in the block: `body.0.weight`.
    public override var children: [(name: String, part: ModulePart)] { sum.children }

    public func callAsFunction(_ input: Tensor) -> Tensor { sum(input).relu() }
}
