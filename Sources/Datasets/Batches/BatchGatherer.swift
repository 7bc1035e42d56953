import Torch

/// Makes a batch from a set: gathers, crops, flips and normalises in one pass over the bytes.
///
/// Plain loops rather than tensor operators: it runs beside the training step, whose operators need LibTorch's threads.
struct BatchGatherer: Sendable {
    let dataset: ImageDataset
    let augmentation: Augmentation
    let channelsLast: Bool
    /// What each byte becomes: 256 numbers for each channel.
    private let table: [Float]

    init(dataset: ImageDataset, augmentation: Augmentation, channelsLast: Bool) {
        self.dataset = dataset
        self.augmentation = augmentation
        self.channelsLast = channelsLast
        table = dataset.normalization.table
    }

    /// The batch of the given examples.
    func batch(of examples: ArraySlice<Int>, epoch: Int, index: Int) -> Batch {
        let draws = augmentation.draws(epoch: epoch, batch: index, count: examples.count)
        return Batch(images: images(examples, draws), labels: labels(examples), index: index)
    }

    private func labels(_ examples: ArraySlice<Int>) -> Tensor {
        let labels = Tensor.empty([examples.count], dtype: .int64)
        guard labels.isDefined else { return labels }
        dataset.labels.withUnsafeBytes { source in
            labels.withUnsafeBytes { target in
                let from = source.bindMemory(to: Int64.self)
                let to = target.bindMemory(to: Int64.self)
                for (position, example) in examples.enumerated() { to[position] = from[example] }
            }
        }
        return labels
    }

    private func images(_ examples: ArraySlice<Int>, _ draws: [Augmentation.Draw]) -> Tensor {
        let (channels, height, width) = (dataset.channels, dataset.height, dataset.width)
        let count = examples.count
        let images = Tensor.empty(
            channelsLast ? [count, height, width, channels] : [count, channels, height, width])
        // Out of memory inside `TorchError.catching`.
        guard images.isDefined else { return images }
        let imageSize = channels * height * width
        dataset.images.withUnsafeBytes { source in
            images.withUnsafeBytes { target in
                table.withUnsafeBufferPointer { table in
                    let from = source.baseAddress!.assumingMemoryBound(to: UInt8.self)
                    let to = target.baseAddress!.assumingMemoryBound(to: Float.self)
                    for (position, example) in examples.enumerated() {
                        copy(
                            from + example * imageSize, to: to + position * imageSize, draws[position],
                            table: table.baseAddress!)
                    }
                }
            }
        }
        // A view: the memory is already in this order.
        return channelsLast ? images.permuted([0, 3, 1, 2]) : images
    }

    /// One image. Both layouts are the same loop with other strides; a flip writes each row from its end.
    private func copy(
        _ source: UnsafePointer<UInt8>, to target: UnsafeMutablePointer<Float>, _ draw: Augmentation.Draw,
        table: UnsafePointer<Float>
    ) {
        let (channels, height, width) = (dataset.channels, dataset.height, dataset.width)
        let pixelStride = channelsLast ? channels : 1
        let planeStride = channelsLast ? 1 : height &* width
        // How far the window lies below and to the right of the image's own place.
        let down = draw.top - augmentation.cropPadding
        let right = draw.left - augmentation.cropPadding
        let rows = max(0, -down)..<min(height, height - down)
        let columns = max(0, -right)..<min(width, width - right)
        let step = draw.isFlipped ? -pixelStride : pixelStride
        let firstColumn = draw.isFlipped ? (width - 1) * pixelStride : 0
        for channel in 0..<channels {
            let numbers = table + channel &* 256
            let plane = source + channel &* height &* width
            for y in 0..<height {
                let row = target + (channel &* planeStride &+ y &* width &* pixelStride &+ firstColumn)
                let inside = rows.contains(y) ? columns : 0..<0
                var x = 0
                while x < inside.lowerBound {
                    row[x &* step] = numbers[0]
                    x &+= 1
                }
                let sourceRow = plane + ((y &+ down) &* width &+ right)
                while x < inside.upperBound {
                    row[x &* step] = numbers[Int(sourceRow[x])]
                    x &+= 1
                }
                while x < width {
                    row[x &* step] = numbers[0]
                    x &+= 1
                }
            }
        }
    }
}
