import FOP
import Torch

/// The one batch that every step works on.
struct TrainingBatch {
    private let images, labels: Tensor
    private let slice: Int

    /// - Parameters:
    ///   - file: safetensors with `images` (N x channels x height x width) and `labels` (N).
    ///   - slice: examples that pass through the network at a time; 0 for all.
    init(file: String, channelsLast: Bool, slice: Int) throws {
        let tensors = try SafetensorsFile.read(file).tensors
        guard let images = tensors["images"], let labels = tensors["labels"] else {
            throw TorchError.file(path: file, message: "the tensors 'images' and 'labels' are expected")
        }
        self.images = channelsLast ? images.permuted([0, 2, 3, 1]).contiguous().permuted([0, 3, 1, 2]) : images
        self.labels = labels
        self.slice = slice
    }

    /// One step of training.
    /// - Returns: the batch's mean loss before it.
    func takeStep(_ network: any Layer, _ optimizer: any Optimizer) throws -> Double {
        let loss: Tensor
        if slice == 0 {
            loss = crossEntropy(network(images), labels)
            try optimizer.backward(loss)
        } else {
            loss = try optimizer.backward(batchSize: labels.count, sliceSize: slice) { range in
                crossEntropy(network(images.examples(range)), labels.examples(range))
            }
        }
        try optimizer.step()
        return loss.item(as: Double.self)
    }
}
