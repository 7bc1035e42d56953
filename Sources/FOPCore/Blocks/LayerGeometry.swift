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

    /// The sum over examples and positions of a a^T, (groups x) columns x columns, without the bias's 1. By default the
    /// product of ``inputRows(_:)`` with themselves.
    func inputProducts(_ record: LayerRecord) -> Tensor

    /// The sum over examples and positions of a, (groups x) columns.
    func inputSums(_ record: LayerRecord) -> Tensor

    /// The weight as a matrix, (groups x) o x columns, without the bias. By default the same numbers in the same order.
    func matrix(ofWeight weight: Tensor) -> Tensor

    /// The weight from such a matrix.
    func weight(ofMatrix matrix: Tensor) -> Tensor
}

extension LayerGeometry {
    /// Columns of V that belong to the weight.
    public var weightColumns: Int { hasBias ? inputs - 1 : inputs }

    /// The shape of V: (groups x) o x i.
    public var matrixShape: [Int] { batch + [outputs, inputs] }

    /// The number of groups, where there is more than one.
    var batch: [Int] { groups == 1 ? [] : [groups] }

    public func matrix(ofWeight weight: Tensor) -> Tensor { weight.reshaped(batch + [outputs, weightColumns]) }

    public func weight(ofMatrix matrix: Tensor) -> Tensor { matrix.reshaped(weightShape) }

    public func inputProducts(_ record: LayerRecord) -> Tensor { inputRowProducts(record) }

    /// The product of the unfolded rows with themselves.
    func inputRowProducts(_ record: LayerRecord) -> Tensor {
        let rows = flatInputRows(record)
        return rows.transposed().matmul(rows)
    }

    public func inputSums(_ record: LayerRecord) -> Tensor { flatInputRows(record).sum([-2]) }

    /// (groups x) (N * T) x columns.
    private func flatInputRows(_ record: LayerRecord) -> Tensor {
        let rows = inputRows(record).toFactorPrecision()
        return rows.reshaped(batch + [-1, rows.size(-1)])
    }

    /// V from weight and bias, whose last column is the bias.
    public func pack(_ parameters: [Tensor]) -> Tensor {
        let weight = matrix(ofWeight: parameters[0])
        guard hasBias else { return weight }
        return Tensor.concatenated([weight, parameters[1].reshaped(batch + [outputs, 1])], -1)
    }

    /// Weight and bias from V.
    public func unpack(_ matrix: Tensor) -> [Tensor] {
        guard hasBias else { return [weight(ofMatrix: matrix)] }
        let columns = matrix.narrowed(-1, from: 0, length: weightColumns)
        let bias = matrix.narrowed(-1, from: weightColumns, length: 1)
        return [weight(ofMatrix: columns), bias.reshaped([-1])]
    }

    /// The gradient of weight and bias as V, in the precision of factors.
    public func gradient(_ record: LayerRecord) -> Tensor {
        let weight = weightGradient(record)
        return pack(hasBias ? [weight, biasGradient(record)] : [weight]).toFactorPrecision()
    }

    /// Layer inputs as rows with the bias's 1, (groups x) N x T x i, in the precision of factors.
    public func fullInputRows(_ record: LayerRecord) -> Tensor {
        let rows = inputRows(record).toFactorPrecision()
        guard hasBias else { return rows }
        let ones = Tensor.ones(Array(rows.shape.dropLast()) + [1], dtype: rows.dtype, device: rows.device)
        return Tensor.concatenated([rows, ones], -1)
    }

    /// How many positions of an example share the weight.
    public func positions(_ record: LayerRecord) -> Int {
        record.outputGradient.count / (record.examples * outputs * groups)
    }
}

extension Tensor {
    /// Factors are kept in float32 at least, whatever the model's type.
    public func toFactorPrecision() -> Tensor { dtype == .float64 ? self : to(.float32) }
}
