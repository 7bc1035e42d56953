import Foundation

/// A small network, run on one example at a time, so that every example's loss and gradient is its own.
public struct ReferenceNetwork {
    /// What a value passes through.
    public enum Stage: Sendable {
        /// y = W x + b over the last dimension.
        case linear(hasBias: Bool)
        case convolution(ReferenceConvolution)
        case tanh
        case relu
        /// All dimensions as one.
        case flatten
        /// positions x features -> features
        case meanOverPositions
    }

    public let stages: [Stage]

    public init(_ stages: [Stage]) { self.stages = stages }

    /// Loss and what each layer with weights saw, for one example.
    /// - Parameters:
    ///   - weights: one vector per layer with weights.
    ///   - labels: the class, or one for each position of the output; then the loss is the positions' mean.
    public func run(_ input: DenseArray, labels: [Int], weights: [[Double]]) -> (loss: Double, layers: [LayerExample]) {
        var inputs: [DenseArray] = []
        var value = input
        var layer = 0
        for stage in stages {
            inputs.append(value)
            value = forward(stage, value, weight: weights[min(layer, weights.count - 1)])
            if stage.hasWeights { layer += 1 }
        }
        var (loss, gradient) = crossEntropy(value, labels)
        var layers: [LayerExample] = []
        for (stage, input) in zip(stages, inputs).reversed() {
            if stage.hasWeights {
                layer -= 1
                layers.insert(example(stage, input: input, gradient: gradient), at: 0)
            }
            gradient = backward(stage, gradient, input: input, weight: weights[max(layer, 0)])
        }
        return (loss, layers)
    }

    /// The same for a batch: the mean loss, and for each layer its examples.
    public func run(
        _ inputs: [DenseArray], labels: [[Int]], weights: [[Double]]
    ) -> (loss: Double, layers: [[LayerExample]]) {
        let results = zip(inputs, labels).map { run($0, labels: $1, weights: weights) }
        let loss = results.reduce(0) { $0 + $1.loss } / Double(results.count)
        return (loss, results[0].layers.indices.map { layer in results.map { $0.layers[layer] } })
    }

    private func forward(_ stage: Stage, _ input: DenseArray, weight: [Double]) -> DenseArray {
        switch stage {
        case .linear(let hasBias):
            let width = input.shape[input.shape.count - 1]
            let columns = width + (hasBias ? 1 : 0)
            let matrix = Matrix(weight.count / columns, columns, weight)
            return DenseArray(
                input.shape.dropLast() + [matrix.rows], input.rows.flatMap { matrix * ($0 + (hasBias ? [1] : [])) })
        case .convolution(let convolution): return convolution.forward(input, weight: weight)
        case .tanh: return input.map { Foundation.tanh($0) }
        case .relu: return input.map { max($0, 0) }
        case .flatten: return DenseArray([input.values.count], input.values)
        case .meanOverPositions: return DenseArray([input.shape[1]], mean(input.rows))
        }
    }

    private func backward(_ stage: Stage, _ gradient: DenseArray, input: DenseArray, weight: [Double]) -> DenseArray {
        switch stage {
        case .linear(let hasBias):
            let width = input.shape[input.shape.count - 1]
            let columns = width + (hasBias ? 1 : 0)
            let transposed = Matrix(weight.count / columns, columns, weight).transposed
            return DenseArray(input.shape, gradient.rows.flatMap { (transposed * $0)[..<width] })
        case .convolution(let convolution):
            return convolution.backward(gradient, weight: weight, inputShape: input.shape)
        case .tanh:
            return DenseArray(input.shape, zip(gradient.values, input.values).map { $0 / pow(cosh($1), 2) })
        case .relu: return DenseArray(input.shape, zip(gradient.values, input.values).map { $1 > 0 ? $0 : 0 })
        case .flatten: return DenseArray(input.shape, gradient.values)
        case .meanOverPositions:
            let positions = input.shape[0]
            return DenseArray(
                input.shape, (0..<positions).flatMap { _ in gradient.values.map { $0 / Double(positions) } })
        }
    }

    private func example(_ stage: Stage, input: DenseArray, gradient: DenseArray) -> LayerExample {
        switch stage {
        case .linear(let hasBias): linearExample(input: input, gradient: gradient, hasBias: hasBias)
        case .convolution(let convolution): convolutionExample(convolution, input: input, gradient: gradient)
        default: preconditionFailure("a stage without weights")
        }
    }
}

extension ReferenceNetwork.Stage {
    var hasWeights: Bool {
        switch self {
        case .linear, .convolution: true
        default: false
        }
    }
}

/// One example of a linear layer: … x inputs and … x outputs.
public func linearExample(input: DenseArray, gradient: DenseArray, hasBias: Bool) -> LayerExample {
    LayerExample(groups: [
        zip(input.rows, gradient.rows).map { .init(input: $0 + (hasBias ? [1] : []), output: $1) }
    ])
}

/// One example of a convolution: channels x sizes and outputs x sizes.
public func convolutionExample(
    _ convolution: ReferenceConvolution, input: DenseArray, gradient: DenseArray
) -> LayerExample {
    LayerExample(
        groups: zip(convolution.patches(input), convolution.columns(gradient)).map { patches, columns in
            zip(patches, columns).map { .init(input: $0, output: $1) }
        })
}

/// -log softmax at the labels, the mean over the rows, and its derivative.
func crossEntropy(_ logits: DenseArray, _ labels: [Int]) -> (loss: Double, gradient: DenseArray) {
    let rows = logits.rows
    precondition(rows.count == labels.count, "\(rows.count) rows, \(labels.count) labels")
    var loss = 0.0
    let gradient = zip(rows, labels).flatMap { row, label -> [Double] in
        let exponentials = row.map { exp($0 - row.max()!) }
        let total = exponentials.reduce(0, +)
        loss -= log(exponentials[label] / total) / Double(rows.count)
        return exponentials.enumerated().map { ($1 / total - ($0 == label ? 1 : 0)) / Double(rows.count) }
    }
    return (loss, DenseArray(logits.shape, gradient))
}
