import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Frozen parameters, adapters, and parameters that layers share.
final class FreezingTests: SmallModelTestCase {
    private func net(_ seed: UInt64 = 1, bias: Bool = true) -> Sequential {
        let generator = Generator(seed: seed)
        return Sequential([
            Linear(4, 5, generator: generator), LayerNorm(5), Tanh(), Linear(5, 3, bias: bias, generator: generator),
        ]).to(.float64)
    }

    private func loss(_ model: any Layer, _ seed: Int) -> Tensor {
        crossEntropy(
            model(randomTensor([6, 4], seed: UInt64(seed), dtype: .float64)),
            randomIntegers([6], in: 0..<3, seed: UInt64(seed)))
    }

    private func step(_ model: any Layer, _ optimizer: FOP, _ seed: Int) throws {
        try optimizer.backward(loss(model, seed))
        XCTAssertEqual(try optimizer.step(), .applied)
    }

    private func kinds(_ optimizer: FOP) -> [String: String] {
        Dictionary(uniqueKeysWithValues: optimizer.coverage.rows.map { ($0.parameter, $0.kind) })
    }

    func testFrozenFromTheStartHasNoState() throws {
        for kind in BlockKind.allCases {
            let model = net()
            for parameter in model.layers[0].parameters + model.layers[1].parameters { parameter.requiresGradient = false }
            let before = model.layers[0].parameters.map { $0.value.detached().cloned() }
            let optimizer = try FOP(model, learningRate: 0.1, options: options { $0.curvature.block = kind })
            for seed in 0..<2 { try step(model, optimizer, seed) }
            XCTAssertFalse(optimizer.state.keys.contains { $0.contains(".0.") || $0.contains(".1.") }, "\(optimizer.state.keys)")
            assertIdentical(model.layers[0].parameters.map(\.value), before)
            XCTAssertEqual(optimizer.coverage.rows.filter { $0.kind == "frozen" }.reduce(0) { $0 + $1.bytes }, 0)
            XCTAssertEqual(kinds(optimizer)["0.weight"], "frozen")
        }
    }

    /// What is unfrozen gets a block at the next step, whose curvature and step are those of an optimizer made then.
    func testUnfreezingGivesABlockAtOnce() throws {
        for kind in [BlockKind.kronecker, .ekfac, .diagonal] {
            let model = net()
            let frozen = model.layers[0].parameters + model.layers[1].parameters
            for parameter in frozen { parameter.requiresGradient = false }
            let settings = options {
                $0.curvature.block = kind
                $0.curvature.factorInterval = .every(100)
                $0.curvature.inverseInterval = .every(100)
            }
            let optimizer = try FOP(model, learningRate: 0.1, options: settings)
            for seed in 0..<2 { try step(model, optimizer, seed) }
            for parameter in frozen { parameter.requiresGradient = true }

            let other = net()
            for (own, parameter) in zip(other.parameters, model.parameters) {
                withoutGradients { own.value.copy(from: parameter.value) }
            }
            let fresh = try FOP(other, learningRate: 0.1, options: settings)
            try step(model, optimizer, 2)
            try step(other, fresh, 2)
            XCTAssertEqual(kinds(optimizer)["0.weight"], kind.rawValue)
            XCTAssertEqual(kinds(optimizer)["1.bias"], "unit-wise")
            for (own, expected) in zip(frozen, other.layers[0].parameters + other.layers[1].parameters) {
                assertIdentical(own.value.detached(), expected.value.detached(), "\(kind)")
            }
            XCTAssertNotNil(optimizer.state["momentum.0.weight"])
        }
    }

    /// A frozen bias of 0 is no bias.
    func testALayerWithAFrozenBiasKeepsABlock() throws {
        for kind in [BlockKind.kronecker, .ekfac, .diagonal] {
            let (model, other) = (net(3), net(3, bias: false))
            let bias = model.namedParameters.first { $0.name == "3.bias" }!.parameter
            bias.requiresGradient = false
            withoutGradients { bias.value.fill(0) }
            let optimizer = try FOP(model, learningRate: 0.1, options: options { $0.curvature.block = kind })
            let plain = try FOP(other, learningRate: 0.1, options: options { $0.curvature.block = kind })
            for seed in 0..<3 {
                try step(model, optimizer, seed)
                try step(other, plain, seed)
            }
            XCTAssertEqual(kinds(optimizer)["3.weight"], kind.rawValue)
            XCTAssertEqual(kinds(optimizer)["3.bias"], "frozen")
            assertIdentical(model.parameters.dropLast().map(\.value), other.parameters.map(\.value))
            // Now it trains with the rest of its layer.
            bias.requiresGradient = true
            try step(model, optimizer, 4)
            XCTAssertGreaterThan(bias.value.absoluteSum().item(as: Double.self), 0)
            XCTAssertEqual(optimizer.layerNames, ["0", "1", "3"])
        }
    }

    func testALayerWithAFrozenWeightTrainsItsBias() throws {
        let model = net(4)
        let (weight, bias) = (model.layers[3].parameters[0], model.layers[3].parameters[1])
        weight.requiresGradient = false
        let before = (weight.value.detached().cloned(), bias.value.detached().cloned())
        let optimizer = try FOP(model, learningRate: 0.1, options: options())
        try step(model, optimizer, 1)
        XCTAssertEqual(kinds(optimizer)["3.bias"], "kronecker")
        assertIdentical(weight.value.detached(), before.0)
        XCTAssertFalse(bias.value.detached().isEqual(to: before.1))
        XCTAssertEqual(optimizer.state["curvature.3.bias.output_factor"]?.shape, [3, 3])
    }

    /// Freezing in the middle lets go of block, momentum and statistics.
    func testFreezingInTheMiddleLetsGo() throws {
        let model = net()
        let optimizer = try FOP(model, learningRate: 0.1, options: options())
        try step(model, optimizer, 1)
        XCTAssertNotNil(optimizer.state["curvature.0.input_factor"])
        for parameter in model.layers[0].parameters { parameter.requiresGradient = false }
        try step(model, optimizer, 2)
        XCTAssertFalse(optimizer.state.keys.contains { $0.contains(".0.") })
        XCTAssertNotNil(optimizer.state["curvature.3.input_factor"])
    }

    // MARK: Adapters

    /// y = base(x) + (x A^T) B^T: low-rank adaptation (Hu et al. 2021).
    private final class Adapted: Module, Layer {
        let base: Linear
        let down, up: Linear

        init(_ base: Linear, rank: Int, seed: UInt64) {
            self.base = base
            let dtype = base.weight.value.dtype
            down = Linear(weight: randomTensor([rank, base.weight.shape[1]], seed: seed, dtype: dtype) * 0.5)
            up = Linear(weight: .zeros([base.weight.shape[0], rank], dtype: dtype))
            super.init()
            for parameter in base.parameters { parameter.requiresGradient = false }
        }

        func callAsFunction(_ input: Tensor) -> Tensor { base(input) + up(down(input)) }
    }

    func testAdaptersTrainAndTheirBaseDoesNot() throws {
        for kind in [BlockKind.kronecker, .ekfac, .diagonal] {
            let plain = net(5)
            let model = Sequential([
                Adapted(plain.layers[0] as! Linear, rank: 2, seed: 1), Tanh(),
                Adapted(plain.layers[3] as! Linear, rank: 2, seed: 2),
            ])
            let optimizer = try FOP(
                model, learningRate: 0.3,
                options: options {
                    $0.curvature.block = kind
                    $0.curvature.klClip = 1e-2
                })
            let frozen = model.namedParameters.filter { $0.name.contains("base") }.map(\.parameter.value)
            let before = frozen.map { $0.detached().cloned() }
            let start = loss(model, 1).item(as: Double.self)
            for _ in 0..<20 { try step(model, optimizer, 1) }
            assertIdentical(frozen, before)
            XCTAssertLessThan(loss(model, 1).item(as: Double.self), 0.8 * start, "\(kind)")
            for row in optimizer.coverage.rows {
                XCTAssertEqual(row.kind, row.parameter.contains("base") ? "frozen" : kind.rawValue, row.parameter)
            }
            XCTAssertFalse(optimizer.state.keys.contains { $0.contains("base") })
        }
    }

    // MARK: Parameters that layers share

    /// The table is used again as the head: held by both, or read from the embedding without holding it.
    private final class Tied: Module {
        let embedding = Embedding(7, 4, generator: Generator(seed: 1))
        let head: Head?

        init(holding: Bool) {
            head = holding ? Head(embedding.weight) : nil
            super.init()
            to(.float64)
        }

        func loss(_ seed: Int) -> Tensor {
            let features = embedding(randomIntegers([8], in: 0..<7, seed: UInt64(seed))).tanh()
            let scores = head?(features) ?? features.linear(weight: embedding.weight.value)
            return crossEntropy(scores, randomIntegers([8], in: 0..<7, seed: UInt64(seed + 100)))
        }
    }

    private final class Head: Module, Layer {
        let weight: Parameter
        init(_ weight: Parameter) { self.weight = weight }
        func callAsFunction(_ input: Tensor) -> Tensor {
            observed(input: input, output: input.linear(weight: weight.value))
        }
    }

    /// Tied weights go to the fallback, with the gradients of all their uses: SGD's step.
    func testTiedWeightsTakeTheStepOfTheirWholeGradient() throws {
        for holding in [true, false] {
            let (model, other) = (Tied(holding: holding), Tied(holding: holding))
            let optimizer = try FOP(model, learningRate: 0.1, options: options())
            let plain = try SGD(other, learningRate: 0.1, momentum: 0.9)
            for seed in 0..<3 {
                try optimizer.backward(model.loss(seed))
                XCTAssertEqual(try optimizer.step(), .applied)
                try plain.backward(other.loss(seed))
                try plain.step()
            }
            assertIdentical(model.embedding.weight.value, other.embedding.weight.value, "holding: \(holding)")
            XCTAssertEqual(optimizer.coverage.rows.map(\.kind), ["fallback"])

            // A new optimizer learns that from the state.
            let resumed = Tied(holding: holding)
            withoutGradients { resumed.embedding.weight.value.copy(from: model.embedding.weight.value) }
            let after = try FOP(resumed, learningRate: 0.1, options: options())
            try after.load(optimizer.state.mapValues { $0.cloned() })
            for (model, optimizer) in [(model, optimizer), (resumed, after)] {
                try optimizer.backward(model.loss(5))
                try optimizer.step()
            }
            assertIdentical(resumed.embedding.weight.value, model.embedding.weight.value, "resumed, holding: \(holding)")
        }
    }

    func testTiedWeightsCannotHaveABlock() {
        assertThrowsTorchError(
            try FOP(Tied(holding: true), learningRate: 0.1, options: options { $0.blocks.use(.kronecker, forParameter: "embedding.weight") })
        ) { assertContains("\($0)", "2 layers share the parameter (Embedding and Head), so only .fallback fits") }
    }

    /// A layer whose weights are read instead of calling it shows nothing, and is trained all the same.
    func testALayerThatIsNeverCalledIsTrained() throws {
        final class Reader: Module, Layer {
            let inner = Linear(4, 3, generator: Generator(seed: 2)).to(.float64)
            let last = Linear(3, 3, generator: Generator(seed: 3)).to(.float64)
            func callAsFunction(_ input: Tensor) -> Tensor {
                last(input.linear(weight: inner.weight.value, bias: inner.bias?.value).tanh())
            }
        }
        let model = Reader()
        let before = model.inner.parameters.map { $0.value.detached().cloned() }
        let optimizer = try FOP(model, learningRate: 0.1, options: options())
        try step(model, optimizer, 1)
        for (parameter, old) in zip(model.inner.parameters, before) { XCTAssertFalse(parameter.value.detached().isEqual(to: old)) }
        XCTAssertEqual(kinds(optimizer), [
            "inner.weight": "fallback", "inner.bias": "fallback", "last.weight": "kronecker", "last.bias": "kronecker",
        ])
    }
}
