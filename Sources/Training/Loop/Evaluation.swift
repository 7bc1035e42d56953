import Datasets
import Torch

/// How well a model does on a set of images.
public struct Evaluation: Equatable, Sendable {
    /// The mean cross-entropy.
    public var loss: Double
    /// The share of images whose class is found.
    public var accuracy: Double

    /// Goes through a whole set with the model as in use: dropout off, normalisation by its running statistics, no
    /// gradients. The model is back in training mode afterwards.
    /// - Parameters:
    ///   - device: where the model is.
    ///   - isStopped: asked after each batch.
    /// - Returns: nil if it was stopped.
    /// - Throws: what the loader throws.
    public static func of(
        _ model: any Layer, on loader: DataLoader, device: Device, isStopped: () -> Bool = { false }
    ) throws -> Evaluation? {
        model.evaluate()
        defer { model.train() }
        var loss = 0.0
        var correct = 0
        let batches = try loader.batches(epoch: 0)
        while let batch = try batches.next() {
            withoutGradients {
                let labels = batch.labels.to(device)
                let logits = model(batch.images.to(device))
                loss += crossEntropy(logits, labels, reduction: .sum).item(as: Double.self)
                correct += logits.argmax(1).elementsEqual(labels).sum().item(as: Int.self)
            }
            if isStopped() { return nil }
        }
        let count = Double(loader.dataset.count)
        return Evaluation(loss: loss / count, accuracy: Double(correct) / count)
    }
}
