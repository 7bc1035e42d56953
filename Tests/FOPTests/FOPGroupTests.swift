import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Parameter groups and clipping for FOP itself.
final class FOPGroupTests: SmallModelTestCase {
    func testGroupsThatSayNothingChangeNothing() throws {
        let plain = try train { try FOP($0, learningRate: 0.1, options: $1) }
        let grouped = try train { model, options in
            try FOP(
                model, learningRate: 0.1, options: options,
                groups: [
                    ParameterGroup(Array(model.parameters[1...2])), ParameterGroup([model.parameters[3]]) { _ in },
                ])
        }
        assertIdentical(grouped, plain)
    }

    /// A bias without decay, a layer with twice the learning rate, a frozen-by-rate one: each moves as its own settings
    /// say, along the directions that all share.
    func testEveryGroupMovesByItsOwnSettings() throws {
        let (model, options) = (SmallModel(), options())
        let start = model.values
        let reference = SmallModel()
        let plain = try FOP(reference, learningRate: 0.1, options: options)
        var noDecay = options
        noDecay.weightDecay = 0
        let optimizer = try FOP(
            model, learningRate: 0.1, options: noDecay,
            groups: [
                ParameterGroup([model.first.weight], learningRate: 0.2), ParameterGroup([model.first.bias!], learningRate: 0),
                ParameterGroup([model.scale]) { $0.weightDecay = 0.5 },
            ])
        for (model, optimizer) in [(model, optimizer), (reference, plain)] {
            try optimizer.backward(model.loss(seed: 1))
            try optimizer.step()
        }
        let change = zip(model.values, start).map { $0 - $1 }
        let usual = zip(reference.values, start).map { $0 - $1 }
        let names = model.namedParameters.map(\.name)
        for (index, name) in names.enumerated() {
            switch name {
            case "first.weight": assertClose(change[index], usual[index] * 2, rtol: 1e-10, name)
            case "first.bias": assertIdentical(change[index], start[index].zerosLike(), name)
            case "scale": assertClose(change[index], usual[index] - start[index] * (0.1 * 0.5), rtol: 1e-10, name)
            default: assertClose(change[index], usual[index], rtol: 1e-10, name)
            }
        }
        optimizer.learningRate = 0.05
        assertClose(Tensor(optimizer.learningRates), Tensor([0.05, 0.1, 0, 0.05]), rtol: 1e-15)
    }

    /// The trust region holds for what the parameters really do: their own learning rates.
    func testTheTrustRegionKnowsTheGroupsRates() throws {
        let model = SmallModel()
        let optimizer = try FOP(
            model, learningRate: 1e-6, options: options { $0.curvature.klClip = 1e-4 },
            groups: [ParameterGroup([model.first.weight, model.first.bias!], learningRate: 10)])
        try optimizer.backward(model.loss(seed: 1))
        try optimizer.step()
        let found = try XCTUnwrap(optimizer.diagnostics)
        XCTAssertLessThan(found.trustRegionScale, 1)
        let layer = try XCTUnwrap(found.layers.first { optimizer.layerNames[$0.block] == "first" })
        // 2 KL = lr^2 <d, M d>; at beta's closed form <g, d> = <d, M d> (B + x) / (B + 3 x) * …: within a factor of 2.
        let kappa = 2 * layer.klNorm * found.trustRegionScale * found.trustRegionScale
        XCTAssertTrue(kappa > 0.4e-4 && kappa < 2.1e-4, "\(kappa)")
    }

    func testWrongGroupsAreRefused() throws {
        let model = SmallModel()
        let wrong = ParameterGroup([model.scale, model.scale], learningRate: -1) { (settings: inout FOPGroupSettings) in
            settings.momentum = 1
        }
        assertThrowsTorchError(try FOP(model, learningRate: 0.1, groups: [wrong])) {
            for word in ["groups[0]: momentum is 1", "groups[0].learningRate is -1", "another group"] {
                assertContains("\($0)", word)
            }
        }
    }

    func testStateKeepsTheRates() throws {
        let model = SmallModel()
        func make() throws -> FOP {
            try FOP(model, learningRate: 0.1, groups: [ParameterGroup([model.scale], learningRate: 0.02)])
        }
        let (one, two) = (try make(), try make())
        one.learningRates = [0.3, 0.7]
        try two.load(one.state)
        XCTAssertEqual(two.learningRates, [0.3, 0.7])
        assertThrowsTorchError(try FOP(model, learningRate: 0.1).load(one.state)) {
            assertContains("\($0)", "learning_rates")
        }
    }

    // MARK: Clipping

    func testTheNormIsThatOfTheGradient() throws {
        for reduction in [LossReduction.mean, .sum] {
            let model = SmallModel()
            let optimizer = try FOP(model, learningRate: 0.1, options: options { $0.curvature.lossReduction = reduction })
            let loss = { model.loss(seed: 1) * (reduction == .sum ? 6 : 1) }
            let expected = gradients(of: [loss()], withRespectTo: model.parameters.map(\.value))
                .compactMap { $0 }.reduce(0) { $0 + $1.inner($1).item(as: Double.self) }.squareRoot()
            for scale in [1.0, 256] {
                optimizer.lossScale = scale
                try optimizer.backward(loss())
                let norm = try optimizer.clipGradientNorm(maximum: 1e9).item(as: Double.self)
                XCTAssertEqual(norm, expected, accuracy: 1e-10 * expected)
                optimizer.discardGradients()
            }
        }
    }

    /// Half the norm, half the step; factors as without.
    func testClippingShortensTheStep() throws {
        func change(clipped: Bool) throws -> ([Tensor], [String: Tensor]) {
            let model = SmallModel()
            let optimizer = try FOP(
                model, learningRate: 0.1,
                options: options {
                    $0.curvature.klClip = nil
                    $0.weightDecay = 0
                })
            let start = model.values
            try optimizer.backward(model.loss(seed: 1))
            if clipped {
                let norm = try optimizer.clipGradientNorm(maximum: 1e9).item(as: Double.self)
                try optimizer.clipGradientNorm(maximum: norm / 2)
            }
            try optimizer.step()
            let curvature = optimizer.state.filter { $0.key.hasPrefix("curvature.") }
            return (zip(model.values, start).map { $0 - $1 }, curvature)
        }
        let (whole, factors) = try change(clipped: false)
        let (half, same) = try change(clipped: true)
        for (one, two) in zip(half, whole) { assertClose(one, two * 0.5, rtol: 1e-5) }
        assertIdentical(same, factors)
    }

    func testClippingWithoutGradients() throws {
        let optimizer = try FOP(SmallModel(), learningRate: 0.1)
        XCTAssertEqual(try optimizer.clipGradientNorm(maximum: 1).item(as: Double.self), 0)
        assertThrowsTorchError(try optimizer.clipGradientNorm(maximum: 0)) { assertContains("\($0)", "maximum is 0") }
    }

    /// Of a sum of losses the fallback takes the mean, as the blocks do.
    func testASumOfLossesMovesEveryParameterAsTheirMean() throws {
        let mean = try train { try FOP($0, learningRate: 0.1, options: $1) }
        let sum = try train(factor: 6) { model, options in
            var options = options
            options.curvature.lossReduction = .sum
            return try FOP(model, learningRate: 0.1, options: options)
        }
        for (one, two) in zip(sum, mean) { assertClose(one, two, rtol: 1e-8) }
    }
}

/// A linear layer, a scale without a block, a linear layer, in float64.
final class SmallModel: Module, Layer {
    static let batchSize = 6
    let first: Linear
    let scale = Parameter(Tensor.full([5], 0.5, dtype: .float64))
    let last: Linear

    init(seed: UInt64 = 1) {
        let generator = Generator(seed: seed)
        first = Linear(4, 5, generator: generator).to(.float64)
        last = Linear(5, 3, generator: generator).to(.float64)
        super.init()
    }

    func callAsFunction(_ input: Tensor) -> Tensor { last((first(input) * scale.value).tanh()) }

    func loss(seed: UInt64) -> Tensor {
        let batch = LabelledBatch(Self.batchSize, [4], classes: 3, seed: seed, dtype: .float64)
        return crossEntropy(self(batch.inputs), batch.labels)
    }

    var values: [Tensor] { parameters.map { $0.value.detached().cloned() } }
}

/// Runs of ``SmallModel``.
class SmallModelTestCase: XCTestCase {
    func options(_ change: (inout FOPOptions) -> Void = { _ in }) -> FOPOptions {
        var options = FOPOptions()
        options.curvature.factorInterval = .every(1)
        options.curvature.inverseInterval = .every(1)
        options.curvature.klClip = nil
        change(&options)
        return options
    }

    /// The weights after three steps.
    func train(factor: Double = 1, _ make: (SmallModel, FOPOptions) throws -> any Optimizer) throws -> [Tensor] {
        let model = SmallModel()
        let optimizer = try make(model, options { $0.weightDecay = 0.01 })
        for step in 0..<3 {
            try optimizer.backward(model.loss(seed: UInt64(step)) * factor)
            try optimizer.step()
        }
        return model.values
    }
}
