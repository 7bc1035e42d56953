import DenseComparison
import DenseReference
import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

// MARK: Layers as vectors

/// The parameters of a layer as the reference keeps them: outputs, inputs with the bias last; or units, then scale and
/// shift.
func weightVector(_ layer: Module) -> [Double] {
    let parts = layer.ownParameters.map { ($0.name, $0.parameter.value.scalars(as: Double.self)) }
    let named = Dictionary(uniqueKeysWithValues: parts)
    guard let weight = named["weight"] else { return named["bias"] ?? [] }
    guard let bias = named["bias"] else { return weight }
    let columns = weight.count / bias.count
    return bias.indices.flatMap { Array(weight[$0 * columns..<($0 + 1) * columns]) + [bias[$0]] }
}

/// Puts a vector's numbers into the layer's parameters.
func setWeights(_ layer: Module, _ vector: [Double]) {
    let parts = layer.ownParameters
    let hasBias = parts.contains { $0.name == "bias" }
    for (name, parameter) in parts {
        let rows = hasBias && parts.count > 1 ? parts.first { $0.name == "bias" }!.parameter.value.count : 1
        let columns = vector.count / rows
        let numbers = (0..<rows).flatMap { row -> [Double] in
            let own = vector[row * columns..<(row + 1) * columns]
            if parts.count == 1 { return Array(own) }
            return name == "bias" ? [own.last!] : Array(own.dropLast())
        }
        withoutGradients {
            parameter.value.copy(from: Tensor(numbers, shape: parameter.shape).to(parameter.value.dtype))
        }
    }
}

// MARK: Batches

/// One micro-batch: inputs, and the class of each example or of each of its positions.
struct LabelledBatch {
    var inputs: Tensor
    var labels: Tensor

    init(_ count: Int, _ shape: [Int], classes: Int, positions: [Int] = [], seed: UInt64, dtype: DType) {
        inputs = randomTensor([count] + shape, seed: seed, dtype: dtype) + 0.2
        labels = randomIntegers([count] + positions, in: 0..<classes, seed: seed)
    }

    var count: Int { inputs.size(0) }

    /// The examples' labels, one by one.
    var labelRows: [[Int]] {
        let width = labels.count / count
        let all = labels.scalars(as: Int.self)
        return (0..<count).map { Array(all[$0 * width..<($0 + 1) * width]) }
    }
}

// MARK: Running product and reference side by side

/// A model under an optimizer, and the same under the reference.
struct SideBySide {
    let model: any Layer
    /// The layers that have Fisher blocks, in the order of the reference's.
    let layers: [Module]
    let blocks: [ReferenceBlock]
    /// The examples of each layer at the reference's weights.
    let examples: ([[Double]], LabelledBatch) -> [[LayerExample]]
    var settings = Settings()
    var lossReduction = LossReduction.mean

    /// The reference's examples from its own forward and backward pass.
    init(_ model: any Layer, _ network: ReferenceNetwork, layers: [Module], sharing: ReferenceSharing = .expand) {
        self.model = model
        self.layers = layers
        blocks = layers.map { _ in .kronecker(sharing) }
        examples = { weights, batch in
            network.run(DenseArray(batch.inputs).parts, labels: batch.labelRows, weights: weights).layers
        }
    }

    init(
        _ model: any Layer, layers: [Module], blocks: [ReferenceBlock],
        examples: @escaping ([[Double]], LabelledBatch) -> [[LayerExample]]
    ) {
        self.model = model
        self.layers = layers
        self.blocks = blocks
        self.examples = examples
    }

    var options: FOPOptions {
        var options = FOPOptions()
        options.curvature = settings.curvature
        options.curvature.lossReduction = lossReduction
        options.momentum = settings.momentum
        options.weightDecay = settings.weightDecay
        return options
    }

    /// Takes steps with both and compares, after each, how far the weights have come since the start.
    /// - Parameter steps: the micro-batches of each step.
    func check(
        _ steps: [[LabelledBatch]], learningRate: Double = 0.1, _ title: String = "", file: StaticString = #filePath,
        line: UInt = #line
    ) throws {
        let optimizer = try FOP(model, learningRate: learningRate, options: options)
        let start = layers.map(weightVector)
        let reference = ReferenceOptimizer(blocks, sizes: start.map(\.count), options: settings.reference)
        var weights = start
        for (number, microBatches) in steps.enumerated() {
            let examples = microBatches.map { self.examples(weights, $0) }
            weights = reference.step(weights, examples, learningRate: learningRate)
            for batch in microBatches { try optimizer.backward(loss(batch, of: microBatches)) }
            XCTAssertEqual(try optimizer.step(), .applied, title, file: file, line: line)
            for (index, layer) in layers.enumerated() {
                let update = combine(weightVector(layer), -1, start[index])
                let dtype = layer.ownParameters[0].parameter.value.dtype
                assertReference(
                    Tensor(update), combine(weights[index], -1, start[index]), below: promisedBound(dtype),
                    "\(title) step \(number), layer \(index)", file: file, line: line)
            }
        }
    }

    /// The micro-batch's part of the loss of all: their sum is the mean, or the sum, over all examples.
    private func loss(_ batch: LabelledBatch, of all: [LabelledBatch]) -> Tensor {
        let output = model(batch.inputs)
        let logits = output.rank == 3 ? output.transposed(1, 2) : output
        let loss = crossEntropy(logits, batch.labels, reduction: lossReduction == .mean ? .mean : .sum)
        guard lossReduction == .mean else { return loss }
        return loss * (Double(batch.count) / Double(all.reduce(0) { $0 + $1.count }))
    }
}
