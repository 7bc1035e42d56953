import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Models with every kind of layer: every trainable parameter is updated by every step, whatever stands for it.
final class ZooTests: SmallModelTestCase {
    /// Convolutions of all dimensions, ordinary, grouped, depthwise and transposed, with every normalisation of
    /// channels.
    private final class Pictures: Module {
        private let g = Generator(seed: 1)
        lazy var line = Sequential([
            Conv1d(2, 4, kernel: 3, padding: 1, generator: g), Tanh(), ConvTranspose1d(4, 2, kernel: 3, stride: 2, generator: g),
        ])
        lazy var plane = Sequential([
            Conv2d(2, 4, kernel: 3, padding: 1, bias: false, generator: g), BatchNorm(4), Tanh(),
            Conv2d(4, 4, kernel: 3, padding: 1, groups: 4, generator: g), GroupNorm(groups: 2, channels: 4), Tanh(),
            Conv2d(4, 6, kernel: 2, groups: 2, generator: g), Tanh(),
            ConvTranspose2d(6, 4, kernel: 3, stride: 2, groups: 2, generator: g),
        ])
        lazy var space = Sequential([
            Conv3d(1, 2, kernel: 2, generator: g), Tanh(), ConvTranspose3d(2, 1, kernel: 2, generator: g),
        ])

        override var children: [(name: String, part: ModulePart)] {
            [("line", .module(line)), ("plane", .module(plane)), ("space", .module(space))]
        }

        func loss(_ seed: UInt64) -> Tensor {
            func error(_ model: Sequential, _ shape: [Int]) -> Tensor {
                let output = model(randomTensor(shape, seed: seed))
                return meanSquaredError(output, randomTensor(output.shape, seed: seed + 1))
            }
            return error(line, [4, 2, 5]) + error(plane, [4, 2, 5, 5]) + error(space, [4, 1, 3, 3, 3])
        }
    }

    /// Embedding, attention, normalisations of features, a tied head, a layer called twice, an adapter, a recurrent
    /// cell.
    private final class Words: Module {
        let embedding = Embedding(11, 6, generator: Generator(seed: 1))
        let attention = MultiheadAttention(6, heads: 2, generator: Generator(seed: 2))
        let norm = LayerNorm(6)
        let scale = RMSNorm(6)
        let twice = Linear(6, 6, generator: Generator(seed: 3))
        let cell = RecurrentCell(6)
        let base = Linear(6, 6, generator: Generator(seed: 4))
        let down = Linear(weight: randomTensor([2, 6], seed: 5))
        let up = Linear(weight: randomTensor([6, 2], seed: 6) * 0.1)
        let loose = Parameter(randomTensor([6], seed: 7))

        override init() {
            super.init()
            for parameter in base.parameters { parameter.requiresGradient = false }
        }

        func loss(_ seed: UInt64) -> Tensor {
            let tokens = randomIntegers([5, 4], in: 0..<11, seed: seed)
            var x = norm(attention(embedding(tokens)))
            x = twice(twice(x).tanh()).tanh() + scale(base(x) + up(down(x)))
            x = cell(x) + loose.value
            let scores = x.linear(weight: embedding.weight.value)
            return crossEntropy(scores, randomIntegers([5], in: 0..<11, seed: seed + 1))
        }
    }

    private final class RecurrentCell: Module {
        let input: Parameter
        let hidden: Parameter

        init(_ width: Int) {
            input = Parameter(randomTensor([width, width], seed: 8) * 0.4)
            hidden = Parameter(randomTensor([width, width], seed: 9) * 0.4)
        }

        /// N x L x width -> N x width, the last state.
        func callAsFunction(_ sequence: Tensor) -> Tensor {
            (0..<sequence.size(1)).reduce(Tensor.zeros([sequence.size(0), sequence.size(2)])) { state, position in
                let here = sequence.selected(1, position)
                return (here.linear(weight: input.value) + state.linear(weight: hidden.value)).tanh()
            }
        }
    }

    private let settings: [(String, (inout FOPOptions) -> Void)] = [
        ("default", { _ in }),
        ("ekfac", { $0.curvature.block = .ekfac }),
        ("diagonal", { $0.curvature.block = .diagonal }),
        ("fallback", { $0.curvature.block = .fallback }),
        ("reduce", { $0.curvature.weightSharing = .reduce }),
        ("small factors", { $0.curvature.maximumFactorSize = 5 }),
        ("small factors, ekfac", {
            $0.curvature.maximumFactorSize = 5
            $0.curvature.block = .ekfac
        }),
        ("small vocabulary", { $0.curvature.maximumVocabulary = 5 }),
        ("AdamW as fallback, four sub-batches", {
            $0.fallback.rule = .adamW()
            $0.curvature.subBatches = 4
        }),
    ]

    private func check(_ make: () -> (model: Module, loss: (UInt64) -> Tensor)) throws {
        for (name, change) in settings {
            let (model, loss) = make()
            let optimizer = try FOP(model, learningRate: 0.05, options: options { options in
                options.curvature.klClip = 1e-2
                change(&options)
            })
            for step in 0..<3 {
                let before = model.parameters.map { $0.value.detached().cloned() }
                try optimizer.backward(loss(UInt64(step)))
                XCTAssertEqual(try optimizer.step(), .applied, name)
                for ((parameter, old), row) in zip(zip(model.namedParameters, before), model.namedParameters) {
                    let value = parameter.parameter.value.detached()
                    XCTAssertTrue(value.isFinite().all().item(as: Bool.self), "\(name): \(row.name)")
                    XCTAssertEqual(
                        value.isEqual(to: old), !parameter.parameter.requiresGradient, "\(name), step \(step): \(row.name)")
                }
            }
            let rows = optimizer.coverage.rows
            XCTAssertEqual(Set(rows.map(\.parameter)), Set(model.namedParameters.map(\.name)), name)
            XCTAssertEqual(rows.count, model.namedParameters.count, name)
            XCTAssertEqual(rows.reduce(0) { $0 + $1.share }, 1, accuracy: 1e-12, name)
            XCTAssertEqual(Set(optimizer.coverage.description.split(separator: "\n").map(\.count)).count, 1, "lines up")
            // What the table says it costs is what the state has.
            let held = optimizer.state.filter { $0.key.hasPrefix("curvature.") && $0.value.dtype == .float32 }
            XCTAssertEqual(rows.reduce(0) { $0 + $1.bytes }, held.reduce(0) { $0 + 4 * $1.value.count }, name)
        }
    }

    func testEveryParameterOfPicturesIsUpdated() throws {
        try check {
            let model = Pictures()
            return (model, model.loss)
        }
    }

    func testEveryParameterOfWordsIsUpdated() throws {
        try check {
            let model = Words()
            return (model, model.loss)
        }
        let model = Words()
        let optimizer = try FOP(model, learningRate: 0.05, options: options())
        try optimizer.backward(model.loss(1))
        try optimizer.step()
        let kinds = Dictionary(uniqueKeysWithValues: optimizer.coverage.rows.map { ($0.parameter, $0.kind) })
        XCTAssertEqual(kinds["embedding.weight"], "fallback", "tied")
        XCTAssertEqual(kinds["attention.in_proj_weight"], "kronecker")
        XCTAssertEqual(kinds["attention.out_proj.weight"], "kronecker")
        XCTAssertEqual(kinds["twice.weight"], "kronecker")
        XCTAssertEqual(kinds["cell.hidden"], "fallback")
        XCTAssertEqual(kinds["base.weight"], "frozen")
        XCTAssertEqual(kinds["loose"], "fallback")
    }
}
