import TorchCore

/// y = x W^T + b over the last dimension; dimensions between the first and the last are positions.
public struct LinearGeometry: LayerGeometry {
    public let outputs, inputs: Int
    public let hasBias: Bool
    public var groups: Int { 1 }
    public var weightShape: [Int] { [outputs, weightColumns] }

    /// - Parameter features: input features, without the bias's 1.
    public init(outputs: Int, features: Int, hasBias: Bool) {
        self.outputs = outputs
        self.inputs = features + (hasBias ? 1 : 0)
        self.hasBias = hasBias
    }

    public func weightGradient(_ record: LayerRecord) -> Tensor {
        flat(record.outputGradient).transposed().mm(flat(record.input))
    }

    public func biasGradient(_ record: LayerRecord) -> Tensor { flat(record.outputGradient).sum([0]) }

    public func inputRows(_ record: LayerRecord) -> Tensor { rows(record.input) }

    public func outputRows(_ record: LayerRecord) -> Tensor { rows(record.outputGradient) }

    private func flat(_ tensor: Tensor) -> Tensor {
        tensor.rank == 2 ? tensor : tensor.reshaped([-1, tensor.size(-1)])
    }

    private func rows(_ tensor: Tensor) -> Tensor { tensor.reshaped([tensor.size(0), -1, tensor.size(-1)]) }
}
