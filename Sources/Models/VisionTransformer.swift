import Torch

/// A small vision transformer (Dosovitskiy et al. 2020, arXiv 2010.11929): patches to tokens by a strided convolution,
/// learned positions, blocks, mean over tokens, linear classifier.
public final class VisionTransformer: Module, Layer {
    /// What makes a token of each patch.
    public let patches: Conv2d
    /// What is added to the tokens: 1 x tokens x width.
    public let positions: Parameter
    /// Attention and perceptron in turn.
    public let blocks: [TransformerBlock]
    /// What normalises the last block's output.
    public let norm: LayerNorm
    /// The classifier.
    public let head: Linear

    /// - Parameters:
    ///   - channels: of the picture: 1 is grey, 3 colour.
    ///   - size: height and width of the picture, a multiple of the patch's.
    ///   - patch: height and width of a patch.
    ///   - width: of a token.
    ///   - generator: what the weights are drawn from.
    public init(
        channels: Int = 1, size: (Int, Int) = (28, 28), classes: Int = 10, patch: Int = 4, width: Int = 64,
        depth: Int = 4, heads: Int = 4, dropout: Double = 0, generator: Generator = .default
    ) {
        precondition(
            size.0 % patch == 0 && size.1 % patch == 0, "patches of \(patch) do not divide \(size.0) x \(size.1)")
        patches = Conv2d(channels, width, kernel: patch, stride: patch, generator: generator)
        let tokens = (size.0 / patch) * (size.1 / patch)
        positions = Parameter(
            Initializer.truncatedNormal(standardDeviation: 0.02)([1, tokens, width], generator: generator))
        blocks = (0..<depth).map { _ in
            TransformerBlock(width, heads: heads, dropout: dropout, generator: generator)
        }
        norm = LayerNorm(width)
        head = Linear(width, classes, generator: generator)
        super.init()
    }

    /// N x channels x height x width to N x classes.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        let tokens = patches(input).flattened(from: 2).transposed(1, 2) + positions.value
        return head(norm(blocks.reduce(tokens) { $1($0) }).mean([1]))
    }
}

/// `x + attention(norm(x))`, then `x + perceptron(norm(x))`: N x tokens x width.
public final class TransformerBlock: Module, Layer {
    /// What comes before the attention.
    public let attentionNorm: LayerNorm
    /// Tokens exchange what they know.
    public let attention: MultiheadAttention
    /// What comes before the perceptron.
    public let perceptronNorm: LayerNorm
    /// Linear, GELU, linear.
    public let perceptron: Sequential

    /// - Parameter expansion: how many times wider the perceptron is inside.
    public init(
        _ width: Int, heads: Int, expansion: Int = 2, dropout: Double = 0, generator: Generator = .default
    ) {
        attentionNorm = LayerNorm(width)
        attention = MultiheadAttention(width, heads: heads, dropout: dropout, generator: generator)
        perceptronNorm = LayerNorm(width)
        perceptron = Sequential(
            Linear(width, expansion * width, generator: generator), GELU(),
            Linear(expansion * width, width, generator: generator))
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let attended = input + attention(attentionNorm(input))
        return attended + perceptron(perceptronNorm(attended))
    }
}
