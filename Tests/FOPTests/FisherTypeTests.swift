import DenseComparison
import DenseReference
import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Curvature from the model's own predictions.
final class FisherTypeTests: SmallTensorTestCase {
    private let examples = 7

    private func model() -> Sequential {
        let generator = Generator(seed: 4)
        return Sequential([
            Linear(3, 4, generator: generator), Tanh(), Linear(4, 3, generator: generator),
        ]).to(.float64)
    }

    private var batch: LabelledBatch { LabelledBatch(examples, [3], classes: 3, seed: 5, dtype: .float64) }

    private func optimizer(
        _ model: Module, _ fisher: FisherType, interval: Int = 1, reduction: LossReduction = .mean
    ) throws -> FOP {
        var options = FOPOptions()
        options.curvature.lossReduction = reduction
        options.curvature.fisher = fisher
        options.curvature.factorInterval = .every(interval)
        return try FOP(model, learningRate: 0.1, options: options)
    }

    /// The factors after one step with a loss for the kind of prediction.
    private func factors(
        _ fisher: FisherType, reduction: LossReduction = .mean, predictions: (Tensor) -> Predictions
    ) throws -> [Tensor] {
        let model = model()
        let optimizer = try optimizer(model, fisher, reduction: reduction)
        let how = reduction == .mean ? Reduction.mean : .sum
        let output = model(batch.inputs)
        let loss: Tensor =
            switch predictions(output) {
            case .categorical: crossEntropy(output, batch.labels, reduction: how)
            case .bernoulli:
                binaryCrossEntropyWithLogits(output, Tensor.ones([examples, 3], dtype: .float64), reduction: how)
            case .gaussian: meanSquaredError(output, Tensor.ones([examples, 3], dtype: .float64), reduction: how)
            }
        try optimizer.backward(loss, predictions: predictions(output))
        XCTAssertEqual(try optimizer.step(), .applied)
        return ["0.input_factor", "0.output_factor", "2.input_factor", "2.output_factor"].compactMap {
            optimizer.state["curvature.\($0)"]
        }
    }

    /// What the factors are by definition: every class's derivatives, weighted with its probability.
    private func expected(_ model: Sequential) -> [Matrix] {
        let stage = ReferenceNetwork.Stage.linear(hasBias: true)
        let network = ReferenceNetwork([stage, .tanh, stage])
        let weights = [0, 2].map { index -> [Double] in
            let linear = model.layers[index] as! Linear
            let bias = linear.bias!.value.detached().unsqueezed(1)
            return Tensor.concatenated([linear.weight.value.detached(), bias], 1).scalars(as: Double.self)
        }
        let probabilities = model(batch.inputs).detached().softmax(-1)
        let rows = DenseArray(batch.inputs).parts
        var sums: [Matrix] = [4, 3].map { Matrix(zeros: $0, $0) }
        for (row, input) in rows.enumerated() {
            for label in 0..<3 {
                let weight = probabilities[row, label].item(as: Double.self) / Double(rows.count)
                let layers = network.run(input, labels: [label], weights: weights).layers
                for (index, layer) in layers.enumerated() {
                    let output = layer.groups[0][0].output
                    sums[index] = sums[index] + weight * Matrix.outer(output, output)
                }
            }
        }
        return sums
    }

    func testTheExactFisherIsTheExpectationOverThePredictions() throws {
        let found = try factors(.exact, predictions: { .categorical(logits: $0) })
        let expected = expected(model())
        assertReference(found[1], expected[0].values, "hidden layer")
        assertReference(found[3], expected[1].values, "last layer")
        let empirical = try factors(.empirical, predictions: { .categorical(logits: $0) })
        assertClose(found[0], empirical[0], rtol: 1e-12)
        assertClose(found[2], empirical[2], rtol: 1e-12)
        XCTAssertGreaterThan(relativeDifference(empirical[3], found[3]), 0.1)
    }

    /// The mean over many draws is near the exact Fisher, for every kind of prediction.
    func testMonteCarloConvergesToTheExactFisher() throws {
        Generator.default.seed(3)
        for (name, predictions) in kinds {
            let exact = try factors(.exact, predictions: predictions)
            let sampled = try factors(.monteCarlo(samples: 1500), predictions: predictions)
            for (index, bound) in [(1, 0.1), (3, 0.1)] {
                XCTAssertLessThan(relativeDifference(sampled[index], exact[index]), bound, "\(name), factor \(index)")
            }
            let few = try factors(.monteCarlo(samples: 1), predictions: predictions)
            XCTAssertGreaterThan(relativeDifference(few[3], exact[3]), 1e-3, name)
        }
    }

    private var kinds: [(String, (Tensor) -> Predictions)] {
        [
            ("categorical", { .categorical(logits: $0) }), ("bernoulli", { .bernoulli(logits: $0) }),
            ("gaussian", { .gaussian(mean: $0) }),
        ]
    }

    /// Of a sum over everything squares have the second derivative 2, truth values p (1 - p), and classes what
    /// their mean over the examples has.
    func testTheFisherOfASum() throws {
        let p = model()(batch.inputs).detached().sigmoid()
        let diagonal = (p * (1 - p)).mean([0]).scalars(as: Double.self)
        Generator.default.seed(5)
        for (fisher, bound) in [(FisherType.exact, 1e-9), (.monteCarlo(samples: 1500), 0.1)] {
            let squares = try factors(fisher, reduction: .sum, predictions: { .gaussian(mean: $0) })[3]
            assertRelativeDifference(squares, Tensor.identity(3, dtype: .float64) * 2, below: bound, "\(fisher)")
            let truths = try factors(fisher, reduction: .sum, predictions: { .bernoulli(logits: $0) })[3]
            let expected = Tensor((0..<9).map { $0 % 4 == 0 ? diagonal[$0 / 4] : 0 }, shape: [3, 3])
            assertRelativeDifference(truths, expected, below: bound, "\(fisher)")
            let classes = try factors(fisher, reduction: .sum, predictions: { .categorical(logits: $0) })[3]
            let mean = try factors(.exact, predictions: { .categorical(logits: $0) })[3]
            assertRelativeDifference(classes, mean, below: bound, "\(fisher)")
        }
    }

    /// For squares the last layer's G is 2/d I; for truth values the diagonal of p (1 - p) / d^2.
    func testTheLastLayersFactorInClosedForm() throws {
        let squares = try factors(.exact, predictions: { .gaussian(mean: $0) })
        assertReference(squares[3], Matrix(3, 3, (0..<9).map { $0 % 4 == 0 ? 2.0 / 3 : 0 }).values)
        let truths = try factors(.exact, predictions: { .bernoulli(logits: $0) })
        let p = model()(batch.inputs).detached().sigmoid()
        let diagonal = (p * (1 - p)).mean([0]).scalars(as: Double.self)
        assertReference(truths[3], Matrix.diagonal(diagonal.map { $0 / 9 }).values)
    }

    /// The curvature's passes leave the gradients alone, and happen on curvature steps only.
    func testGradientsAreThoseOfTheLoss() throws {
        var momenta: [[String: Tensor]] = []
        for fisher in [FisherType.empirical, .exact, .monteCarlo()] {
            let model = model()
            var options = FOPOptions()
            options.curvature.fisher = fisher
            options.curvature.damping = 1e8  // nothing is left of the factors: M is lambda I
            options.curvature.klClip = nil
            options.curvature.beta = .zero
            let optimizer = try FOP(model, learningRate: 0.1, options: options)
            let output = model(batch.inputs)
            try optimizer.backward(crossEntropy(output, batch.labels), predictions: .categorical(logits: output))
            try optimizer.step()
            momenta.append(optimizer.state.filter { $0.key.hasPrefix("momentum.") })
        }
        for (key, tensor) in momenta[0] {
            assertClose(momenta[1][key]!, tensor, rtol: 1e-3, atol: 1e-16, key)
            assertClose(momenta[2][key]!, tensor, rtol: 1e-3, atol: 1e-16, key)
        }
    }

    func testFactorsChangeOnFactorStepsOnly() throws {
        let model = model()
        let optimizer = try optimizer(model, .monteCarlo(), interval: 2)
        var factors: [Tensor] = []
        for _ in 0..<3 {
            let output = model(batch.inputs)
            try optimizer.backward(crossEntropy(output, batch.labels), predictions: .categorical(logits: output))
            try optimizer.step()
            factors.append(optimizer.state["curvature.0.output_factor"]!.cloned())
        }
        assertIdentical(factors[1], factors[0])
        XCTAssertGreaterThan(relativeDifference(factors[2], factors[1]), 1e-3)
    }

    /// Parts of a batch as micro-batches give the factors of the whole.
    func testMicroBatches() throws {
        let whole = try factors(.exact, predictions: { .categorical(logits: $0) })
        let model = model()
        let optimizer = try optimizer(model, .exact)
        for range in [0..<3, 3..<7] {
            let output = model(batch.inputs[range])
            let loss = crossEntropy(output, batch.labels[range]) * (Double(range.count) / 7)
            try optimizer.backward(loss, predictions: .categorical(logits: output))
        }
        try optimizer.step()
        assertClose(optimizer.state["curvature.2.output_factor"]!, whole[3], rtol: 1e-10)
        assertClose(optimizer.state["curvature.0.output_factor"]!, whole[1], rtol: 1e-10)
    }

    /// A sum of losses is as good as their mean.
    func testSum() throws {
        let whole = try factors(.exact, predictions: { .categorical(logits: $0) })
        let model = model()
        var options = FOPOptions()
        options.curvature.fisher = .exact
        options.curvature.lossReduction = .sum
        let optimizer = try FOP(model, learningRate: 0.1, options: options)
        let output = model(batch.inputs)
        let loss = crossEntropy(output, batch.labels, reduction: .sum)
        try optimizer.backward(loss, predictions: .categorical(logits: output))
        try optimizer.step()
        assertClose(optimizer.state["curvature.0.output_factor"]!, whole[1], rtol: 1e-10)
    }

    func testMissingPredictionsAreAnError() throws {
        let model = model()
        let optimizer = try optimizer(model, .monteCarlo())
        assertThrowsTorchError(try optimizer.backward(crossEntropy(model(batch.inputs), batch.labels))) {
            for word in ["monteCarlo", "predictions", ".empirical"] { assertContains("\($0)", word) }
        }
        let sequence = Linear(3, 3).to(.float64)
        let exact = try self.optimizer(sequence, .exact)
        let output = sequence(Tensor.ones([2, 4, 3], dtype: .float64))
        assertThrowsTorchError(try exact.backward(output.sum(), predictions: .categorical(logits: output))) {
            assertContains("\($0)", "[2, 4, 3]")
        }
    }
}
