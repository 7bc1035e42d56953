import TorchCore

/// A layer without its bias: where that does not train, or has a block of its own.
public struct WeightGeometry: LayerGeometry {
    private let layer: any LayerGeometry

    /// - Parameter layer: a layer with a bias.
    public init(_ layer: any LayerGeometry) { self.layer = layer }

    public var outputs: Int { layer.outputs }
    public var inputs: Int { layer.weightColumns }
    public var groups: Int { layer.groups }
    public var hasBias: Bool { false }
    public var weightShape: [Int] { layer.weightShape }

    public func weightGradient(_ record: LayerRecord) -> Tensor { layer.weightGradient(record) }
    public func biasGradient(_ record: LayerRecord) -> Tensor { layer.biasGradient(record) }
    public func inputRows(_ record: LayerRecord) -> Tensor { layer.inputRows(record) }
    public func inputProducts(_ record: LayerRecord) -> Tensor { layer.inputProducts(record) }
    public func inputSums(_ record: LayerRecord) -> Tensor { layer.inputSums(record) }
    public func outputRows(_ record: LayerRecord) -> Tensor { layer.outputRows(record) }
    public func matrix(ofWeight weight: Tensor) -> Tensor { layer.matrix(ofWeight: weight) }
    public func weight(ofMatrix matrix: Tensor) -> Tensor { layer.weight(ofMatrix: matrix) }
}

/// A layer's bias alone: to the curvature a weight of one column whose input is always 1, so that A = 1.
public struct BiasGeometry: LayerGeometry {
    private let layer: any LayerGeometry

    /// - Parameter layer: a layer with a bias.
    public init(_ layer: any LayerGeometry) { self.layer = layer }

    public var outputs: Int { layer.outputs }
    public var inputs: Int { 1 }
    public var groups: Int { layer.groups }
    public var hasBias: Bool { false }
    public var weightShape: [Int] { [layer.outputs * layer.groups] }

    public func weightGradient(_ record: LayerRecord) -> Tensor { layer.biasGradient(record) }
    public func biasGradient(_ record: LayerRecord) -> Tensor { layer.biasGradient(record) }

    public func inputRows(_ record: LayerRecord) -> Tensor {
        Tensor.ones(
            batch + [record.examples, layer.positions(record), 1], dtype: record.outputGradient.dtype,
            device: record.outputGradient.device)
    }

    public func outputRows(_ record: LayerRecord) -> Tensor { layer.outputRows(record) }
}
