import Torch

/// Strided 3 x 3 convolutions with BatchNorm and ReLU, global average pooling, linear classifier.
///
/// For 28 x 28 grey pictures 0.55 million multiplications per picture.
public final class ConvNet: Module, Layer {
    /// Convolution, normalisation and ReLU, three layers for each width.
    public let features: Sequential
    /// The classifier.
    public let head: Linear

    /// - Parameters:
    ///   - channels: of the picture: 1 is grey, 3 colour.
    ///   - classes: how many numbers come out per picture.
    ///   - widths: the channels of the convolutions, each at half the resolution of the one before.
    ///   - generator: what the weights are drawn from.
    public init(
        channels: Int = 1, classes: Int = 10, widths: [Int] = [16, 32, 64], generator: Generator = .default
    ) {
        let inputs = [channels] + widths
        features = Sequential(
            zip(inputs, widths).flatMap { inputs, outputs -> [any Layer] in
                [
                    Conv2d(inputs, outputs, kernel: 3, stride: 2, padding: 1, bias: false, generator: generator),
                    BatchNorm(outputs), ReLU(),
                ]
            })
        head = Linear(inputs.last!, classes, generator: generator)
        super.init()
    }

    /// N x channels x height x width to N x classes.
    public func callAsFunction(_ input: Tensor) -> Tensor { head(features(input).mean([2, 3])) }
}
