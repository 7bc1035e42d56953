import FOP
import Torch

/// The one batch that every step works on.
struct TrainingBatch {
    private let slices: [(images: Tensor, labels: Tensor, share: Double)]

    /// - Parameters:
    ///   - file: safetensors with `images` (N x channels x height x width) and `labels` (N).
    ///   - slice: examples that pass through the network at a time; 0 for all.
    init(file: String, channelsLast: Bool, slice: Int) throws {
        let tensors = try SafetensorsFile.read(file).tensors
        guard var images = tensors["images"], let labels = tensors["labels"] else {
            throw TorchError.file(path: file, message: "the tensors 'images' and 'labels' are expected")
        }
        if channelsLast { images = images.permuted([0, 2, 3, 1]).contiguous().permuted([0, 3, 1, 2]) }
        let count = labels.count
        let size = slice == 0 ? count : min(slice, count)
        slices = stride(from: 0, to: count, by: size).map { [images] start in
            let length = min(size, count - start)
            return (
                images.narrowed(0, from: start, length: length), labels.narrowed(0, from: start, length: length),
                Double(length) / Double(count)
            )
        }
    }

    /// One step of training.
    /// - Returns: the batch's mean loss before it.
    func takeStep(_ network: any Layer, _ optimizer: any Optimizer) throws -> Double {
        var total = 0.0
        for (images, labels, share) in slices {
            let loss = crossEntropy(network(images), labels)
            try optimizer.backward(slices.count == 1 ? loss : loss * share)
            total += loss.item(as: Double.self) * share
        }
        try optimizer.step()
        return total
    }
}
