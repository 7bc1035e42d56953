import Torch

/// Linear layers with ReLU between them.
public final class MultilayerPerceptron: Module, Layer {
    /// The linear layers.
    public let layers: [Linear]

    /// - Parameters:
    ///   - inputs: numbers per example; dimensions after the first are flattened.
    ///   - hidden: the widths between.
    ///   - generator: what the weights are drawn from.
    public init(
        inputs: Int = 784, hidden: [Int] = [128, 64], classes: Int = 10, generator: Generator = .default
    ) {
        let widths = [inputs] + hidden + [classes]
        layers = zip(widths, widths.dropFirst()).map { Linear($0, $1, generator: generator) }
        super.init()
    }

    /// N x … to N x classes.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        layers.dropFirst().reduce(layers[0](input.flattened(from: 1))) { $1($0.relu()) }
    }
}
