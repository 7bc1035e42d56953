import TorchCore

/// How a layer with a weight uses it: turns inputs and output gradients into the rows that Kronecker factors are made
/// of.
public protocol LayerGeometry {
    /// Rows (o), columns (i, with the bias's 1) and groups of the weight as matrices.
    var outputs: Int { get }
    var inputs: Int { get }
    var groups: Int { get }
    /// Whether the last column of V is the bias.
    var hasBias: Bool { get }
    /// The weight's own shape.
    var weightShape: [Int] { get }

    /// The weight gradient in the weight's own shape: the sum over examples and positions of g a^T.
    func weightGradient(_ record: LayerRecord) -> Tensor

    /// The bias gradient: the sum over examples and positions of g.
    func biasGradient(_ record: LayerRecord) -> Tensor

    /// Layer inputs as rows: (groups x) N x T x columns, without the bias's 1.
    func inputRows(_ record: LayerRecord) -> Tensor

    /// Output gradients as rows: (groups x) N x T x o.
    func outputRows(_ record: LayerRecord) -> Tensor
}

extension LayerGeometry {
    /// Columns of V that belong to the weight.
    var weightColumns: Int { hasBias ? inputs - 1 : inputs }
}
