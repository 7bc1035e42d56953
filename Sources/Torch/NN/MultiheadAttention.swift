import TorchCore

/// Attention of several heads, batch first: queries N x L x width attend to keys and values N x S x width.
///
/// ```
/// q, k, v = query W_q^T + b_q, key W_k^T + b_k, value W_v^T + b_v      each cut into heads
/// output  = join(softmax(q k^T / sqrt(width / heads) + mask) v) W_o^T + b_o
/// ```
/// The three input projections are one ``Linear`` of 3 * width outputs, so an observer sees two linear layers. Names
/// are torch's: `in_proj_weight`, `in_proj_bias`, `out_proj.weight`, `out_proj.bias`.
public final class MultiheadAttention: Module, Layer {
    /// W_q, W_k and W_v, one below the other.
    public let inputProjection: Linear
    /// W_o
    public let outputProjection: Linear
    /// The size of queries, keys, values and outputs.
    public let width: Int
    /// Into how many independent parts the width is divided.
    public let heads: Int
    /// The probability with which an attention weight is dropped in training.
    public let dropout: Double

    /// The input projections' weights are drawn as ``Initializer/xavierUniform(gain:)`` does, the output projection's
    /// as ``Linear`` does; shifts are 0.
    /// - Parameter heads: a divisor of `width`.
    public init(
        _ width: Int, heads: Int, dropout: Double = 0, bias: Bool = true, generator: Generator = .default
    ) {
        checkArgument(
            heads > 0 && width % heads == 0, of: "MultiheadAttention",
            "embed_dim must be divisible by num_heads: \(width), \(heads)")
        self.width = width
        self.heads = heads
        self.dropout = dropout
        // In the order in which torch draws.
        outputProjection = Linear(width, width, bias: bias, generator: generator)
        inputProjection = Linear(
            weight: Initializer.xavierUniform()([3 * width, width], generator: generator),
            bias: bias ? .zeros([3 * width]) : nil)
        outputProjection.bias?.initialize(.zeros)
        super.init()
    }

    public override var children: [(name: String, part: ModulePart)] {
        [("in_proj_", .module(inputProjection)), ("out_proj", .module(outputProjection))]
    }

    /// Self-attention.
    public func callAsFunction(_ input: Tensor) -> Tensor { callAsFunction(input, mask: nil) }

    /// Self-attention with masks.
    /// - Parameters:
    ///   - mask: broadcast to N x heads x L x L; truth values: **true** is left out, as in torch's module; numbers:
    ///     added to the scores.
    ///   - keyPadding: N x L truth values: positions that are left out.
    ///   - causal: whether a position sees only itself and what is before it; not together with masks.
    public func callAsFunction(
        _ input: Tensor, mask: Tensor? = nil, keyPadding: Tensor? = nil, causal: Bool = false
    ) -> Tensor {
        let projected = cut(inputProjection(input), into: 3)
        return attend(
            projected[0], projected[1], projected[2], mask: joined(mask, keyPadding, like: input), causal: causal)
    }

    /// Attention of `query` to other sequences.
    ///
    /// All three pass through the input projection together, so that an observer sees it used once; of each the two
    /// parts that are not wanted are thrown away.
    /// - Parameters:
    ///   - query: N x L x width.
    ///   - key: N x S x width, and so is `value`.
    ///   - mask: broadcast to N x heads x L x S; see self-attention.
    ///   - keyPadding: N x S truth values: positions that are left out.
    public func callAsFunction(
        query: Tensor, key: Tensor, value: Tensor, mask: Tensor? = nil, keyPadding: Tensor? = nil,
        causal: Bool = false
    ) -> Tensor {
        let lengths = [query, key, value].map { $0.size(1) }
        let sequences = inputProjection(.concatenated([query, key, value], 1)).split(lengths, 1)
        let projected = sequences.enumerated().map { cut($1, into: 3)[$0] }
        return attend(
            projected[0], projected[1], projected[2], mask: joined(mask, keyPadding, like: query), causal: causal)
    }

    /// The two masks as one that is added to the scores.
    private func joined(_ mask: Tensor?, _ keyPadding: Tensor?, like input: Tensor) -> Tensor? {
        let parts = [mask, keyPadding?.unsqueezed(1).unsqueezed(1)].compactMap { part in
            part.map { $0.dtype == .bool ? penalty($0, like: input) : $0 }
        }
        return parts.dropFirst().reduce(parts.first) { $0?.adding($1) }
    }

    /// Minus infinity where `leftOut` is true.
    private func penalty(_ leftOut: Tensor, like input: Tensor) -> Tensor {
        let zero = Tensor.zeros([], dtype: input.dtype, device: input.device)
        return .select(leftOut, zero - .infinity, zero)
    }

    /// N x L x parts * width to parts of N x heads x L x width / heads.
    private func cut(_ projected: Tensor, into parts: Int) -> [Tensor] {
        let shape = projected.shape
        let heads = projected.reshaped([shape[0], shape[1], parts, self.heads, width / self.heads])
            .permuted([2, 0, 3, 1, 4])
        return (0..<parts).map { heads.selected(0, $0) }
    }

    private func attend(_ query: Tensor, _ key: Tensor, _ value: Tensor, mask: Tensor?, causal: Bool) -> Tensor {
        let mixed = query.attention(
            key: key, value: value, mask: mask, dropout: isTraining ? dropout : 0, causal: causal)
        let shape = mixed.shape
        return outputProjection(mixed.transposed(1, 2).reshaped([shape[0], shape[2], width]))
    }
}
