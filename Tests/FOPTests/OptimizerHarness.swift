import FOP
import TestSupport
import Torch

/// A loss whose gradients are the given tensors, exactly.
func loss(_ parameters: [Parameter], gradients: [Tensor]) -> Tensor {
    zip(parameters, gradients).map { ($0.value * $1).sum() }.reduce(Tensor.zeros([], dtype: gradients[0].dtype), +)
}

/// A weight (4 x 3) and a bias (4) that are driven by given gradients: what the fixtures are about.
final class Pair: Module {
    let weight: Parameter
    let bias: Parameter

    init(weight: Tensor, bias: Tensor) {
        self.weight = Parameter(weight.cloned())
        self.bias = Parameter(bias.cloned())
        super.init()
    }

    convenience init(seed: UInt64 = 1, dtype: DType = .float32) {
        self.init(
            weight: randomTensor([4, 3], seed: seed, dtype: dtype), bias: randomTensor([4], seed: seed + 1, dtype: dtype))
    }

    /// One step with gradients drawn from a seed.
    @discardableResult func step(_ optimizer: some Optimizer, seed: Int) throws -> StepOutcome {
        try optimizer.backward(loss(seed: seed))
        return try optimizer.step()
    }

    /// A loss whose gradients are drawn from a seed.
    func loss(seed: Int) -> Tensor {
        let seed = UInt64(seed)
        let dtype = weight.value.dtype
        return FOPTests.loss(
            [weight, bias],
            gradients: [randomTensor([4, 3], seed: 100 + seed, dtype: dtype), randomTensor([4], seed: 200 + seed, dtype: dtype)])
    }

    /// Copies of the values.
    var values: [Tensor] { parameters.map { $0.value.detached().cloned() } }
}

/// A case of a fixture with `initial/…` and `gradients/…` (first dimension: steps).
struct GivenGradients {
    let model: Pair
    private let weightGradients, biasGradients: Tensor

    init(_ fixture: FixtureFile, prefix: String) throws {
        model = Pair(
            weight: try fixture.tensor(prefix + "initial/weight"), bias: try fixture.tensor(prefix + "initial/bias"))
        weightGradients = try fixture.tensor(prefix + "gradients/weight")
        biasGradients = try fixture.tensor(prefix + "gradients/bias")
    }

    /// The loss of a step, from 0.
    func loss(_ step: Int) -> Tensor {
        FOPTests.loss(
            [model.weight, model.bias], gradients: [weightGradients.selected(0, step), biasGradients.selected(0, step)])
    }
}

/// Makes an optimizer for a model.
typealias MakeOptimizer = @Sendable (Module) throws -> any Optimizer
