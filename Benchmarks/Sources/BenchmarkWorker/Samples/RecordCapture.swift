import FOPCore
import Torch

/// Keeps what one forward and backward pass brings to each layer, so that factors can be formed from it in several ways.
final class RecordCapture: LayerObserver {
    private let places: [ObjectIdentifier: Int]
    private let anchor = GradientAnchor()
    private var records: [LayerRecord?]

    /// Takes the place of whoever observed the layers.
    init(_ layers: [MeasuredLayer]) {
        places = Dictionary(uniqueKeysWithValues: layers.enumerated().map { (ObjectIdentifier($1.module), $0) })
        records = layers.map { _ in nil }
        for layer in layers { layer.module.observer = self }
    }

    func observe(_ layer: Module, input: Tensor, output: Tensor, context: LayerContext) -> Tensor {
        guard let place = places[ObjectIdentifier(layer)] else { return output }
        let input = input.detached()
        return anchor.tap(output) { [weak self] gradient in
            var record = LayerRecord(input: input, outputGradient: gradient)
            if case .normalization(let mean, let scale) = context {
                record.normalization = (mean.detached(), scale.detached())
            }
            self?.records[place] = record
        }
    }

    /// What a backward pass brings to each layer.
    /// - Throws: ``TorchError/invalidValue(_:)`` where a layer was not reached.
    func take(_ loss: Tensor) throws -> [LayerRecord] {
        _ = gradients(of: [loss], withRespectTo: [anchor.tensor])
        defer { records = records.map { _ in nil } }
        guard !records.contains(where: { $0 == nil }) else {
            throw TorchError.invalidValue("the loss does not reach every layer: nothing can be compared")
        }
        return records.compactMap { $0 }
    }
}
