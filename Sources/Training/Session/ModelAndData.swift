import Datasets
import Models
import Torch

extension TrainingSettings {
    /// The training and test images. Notes where they were found.
    /// - Throws: ``Datasets/DatasetError``.
    mutating func loadData() throws -> (train: ImageDataset, test: ImageDataset) {
        let kind = try DatasetKind(name: dataset)
        dataDirectory = kind == .fashionMNIST ? absolutePath(try FashionMNIST.findDirectory(explicit: dataDirectory)) : nil
        if kind == .shapes, let examples {
            return try Shapes(trainCount: examples, testCount: min(examples, 2000)).generate()
        }
        let (train, test) = try kind.load(directory: dataDirectory)
        guard let examples else { return (train, test) }
        guard examples <= train.count else {
            throw TrainingError.invalidSettings([
                Problems.sentence(
                    "--examples", "\(examples)", "a whole number from 1 to \(train.count), the number of training images")
            ])
        }
        return (try train.prefix(examples), try test.prefix(min(examples, test.count)))
    }

    /// Checks what only the data tells.
    func check(against data: ImageDataset) throws {
        // Every sub-batch needs an example.
        let smallest = optimizer.curvature?.subBatches ?? 1
        guard (smallest...max(smallest, data.count)).contains(batchSize), batchSize <= data.count else {
            throw TrainingError.invalidSettings([
                Problems.sentence(
                    "--batch-size", "\(batchSize)",
                    "a whole number from \(smallest) to \(data.count), the number of training images")
            ])
        }
    }

    /// A model for the data, with the seed's weights, in evaluation found to take its images.
    /// - Throws: ``TrainingError/modelDoesNotFit(model:dataset:reason:)``.
    func makeModel(for data: ImageDataset, probing loader: DataLoader, device: Device) throws -> any Layer {
        do {
            return try TorchError.catching {
                let model = try ModelRegistry.standard.make(
                    self.model, inputShape: [data.channels, data.height, data.width], classes: data.classCount,
                    generator: Generator(seed: seed))
                model.to(device)
                if loader.channelsLast { model.to(memoryFormat: .channelsLast) }
                try probe(model, loader, device: device)
                return model
            }
        } catch let error as TorchError {
            throw TrainingError.modelDoesNotFit(model: self.model, dataset: dataset, reason: error.firstLine)
        }
    }

    /// One image through the model, so that shapes that do not fit are found before anything is written.
    private func probe(_ model: any Layer, _ loader: DataLoader, device: Device) throws {
        model.evaluate()
        defer { model.train() }
        let data = loader.dataset
        try withoutGradients {
            let image = Tensor.zeros([1, data.channels, data.height, data.width], device: device)
            let shape = model(image).shape
            guard shape.isEmpty || shape == [1, data.classCount] else {
                throw TorchError.invalidValue("its output has shape \(shape), [1, \(data.classCount)] expected")
            }
        }
    }
}

extension TrainingSettings {
    /// Whether images and weights lie in memory channel by channel within each pixel. On CPUs the residual network is a
    /// fifth faster that way; the strided convolutions of `cnn` are as fast either way.
    var prefersChannelsLast: Bool { model == "resnet" && device == "cpu" }
}

extension TorchError {
    /// The text without torch's further explanations.
    var firstLine: String { String(description.prefix { $0 != "\n" }) }
}
