import TorchCore

/// A block of a layer with a weight, whose geometry says what V is and how it comes about.
public protocol GeometricBlock: FisherBlock {
    /// How the layer uses its weight.
    var geometry: any LayerGeometry { get }
}

extension GeometricBlock {
    public var shape: [Int] { geometry.matrixShape }
    public func pack(_ parameters: [Tensor]) -> Tensor { geometry.pack(parameters) }
    public func unpack(_ matrix: Tensor) -> [Tensor] { geometry.unpack(matrix) }
    public func gradient(_ record: LayerRecord) -> Tensor { geometry.gradient(record) }
}

extension LayerGeometry {
    /// How many rows for Kronecker factors an example of the record gives, and the larger of their dimensions, in
    /// blocks of at most `maximum`.
    func factorSize(
        _ record: LayerRecord, _ weightSharing: WeightSharing, maximum: Int = .max
    ) -> (rowsPerExample: Int, dimension: Int) {
        (weightSharing == .expand ? positions(record) : 1, min(max(inputs, outputs), maximum))
    }
}
