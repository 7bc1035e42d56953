// Trains a small convolutional network on pictures of shapes, made on the fly, with FOP.
import Datasets
import FOP
import Torch

/// Two strided convolutions and a classifier.
final class Network: Module, Layer {
    let first = Conv2d(1, 16, kernel: 5, stride: 2, padding: 2)
    let second = Conv2d(16, 32, kernel: 5, stride: 2, padding: 2)
    let head = Linear(32 * 7 * 7, 10)

    func callAsFunction(_ input: Tensor) -> Tensor {
        head(second(first(input).relu()).relu().flattened(from: 1))
    }
}

@main struct Quickstart {
    static func main() throws {
        Generator.default.seed(0)
        let model = Network()
        // Instead of: let optimizer = try SGD(model, learningRate: 0.1)
        let optimizer = try FOP(model, learningRate: 0.1)

        let data = try Shapes(trainCount: 2_048, testCount: 512).generate()
        let loader = try DataLoader(training: data.train, batchSize: 256, seed: 0)
        for epoch in 0..<6 {
            let batches = try loader.batches(epoch: epoch)
            var lastLoss = Tensor(Float.nan)
            while let batch = try batches.next() {
                let loss = crossEntropy(model(batch.images), batch.labels)
                try optimizer.backward(loss)
                try optimizer.step()
                lastLoss = loss
            }
            print("epoch \(epoch + 1): loss \(lastLoss.item(as: Float.self))")
        }
        print("accuracy \(try accuracy(of: model, on: data.test))")
    }

    static func accuracy(of model: Network, on images: ImageDataset) throws -> Double {
        model.evaluate()
        defer { model.train() }
        let batches = try DataLoader(evaluating: images, batchSize: 512).batches(epoch: 0)
        var correct = 0
        while let batch = try batches.next() {
            let predicted = withoutGradients { model(batch.images).argmax(1) }
            correct += predicted.elementsEqual(batch.labels).sum().item(as: Int.self)
        }
        return Double(correct) / Double(images.count)
    }
}
