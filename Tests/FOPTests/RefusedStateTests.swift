import FOP
import FOPCore
import Foundation
import TestSupport
import Torch
import XCTest

/// Saved states that do not fit are refused, and then nothing has changed: what was gathered for the next step
/// included.
final class RefusedStateTests: SmallModelTestCase {
    private final class Net: Module, Layer {
        let first: Linear
        let scale: Parameter
        let last: Linear

        init(width: Int = 5, classes: Int = 3) {
            let generator = Generator(seed: 1)
            first = Linear(4, width, generator: generator)
            scale = Parameter(Tensor.full([width], 0.5))
            last = Linear(width, classes, generator: generator)
            super.init()
        }

        func callAsFunction(_ input: Tensor) -> Tensor { last((first(input) * scale.value).tanh()) }

        func loss(_ seed: Int) -> Tensor {
            let batch = LabelledBatch(6, [4], classes: 3, seed: UInt64(seed), dtype: .float32)
            return crossEntropy(self(batch.inputs), batch.labels)
        }

        var values: [Tensor] { parameters.map { $0.value.detached().cloned() } }
    }

    private func fop(
        _ momentum: Double, _ change: @escaping @Sendable (inout FOPOptions) -> Void = { _ in }
    ) -> MakeOptimizer {
        { model in
            var options = FOPOptions()
            options.momentum = momentum
            options.curvature.factorInterval = .every(2)
            options.curvature.inverseInterval = .every(3)
            change(&options)
            let optimizer = try FOP(model, learningRate: 0.05, options: options)
            optimizer.measuresGradientNoise = true
            return optimizer
        }
    }

    private var optimizers: [String: MakeOptimizer] {
        OptimizerStateTests.optimizers.merging([
            "FOP": fop(0.9), "FOP without momentum": fop(0), "EKFAC": fop(0) { $0.curvature.block = .ekfac },
            "FOP with AdamW": fop(0.9) { $0.fallback.rule = .adamW() },
        ]) { first, _ in first }
    }

    private func run(_ model: Net, _ optimizer: any Optimizer, _ seeds: Range<Int>) throws {
        for seed in seeds {
            try optimizer.backward(model.loss(seed))
            XCTAssertEqual(try optimizer.step(), .applied)
        }
    }

    /// Two optimizers with gathered gradients, of which one refuses a state; then both go on alike.
    private func assertRefused(
        _ make: MakeOptimizer, _ title: String, saying text: String, line: UInt = #line,
        _ load: (any Optimizer, [String: Tensor]) throws -> Void
    ) throws {
        let models = [Net(), Net()]
        let pair = try models.map(make)
        for (model, optimizer) in zip(models, pair) {
            try run(model, optimizer, 0..<4)
            for seed in [10, 11] { try optimizer.backward(model.loss(seed) * 0.5) }
        }
        let before = pair[0].state.mapValues { $0.cloned() }
        let state = before.mapValues { $0 + Tensor.ones([], dtype: $0.dtype) }.merging(
            ["layout": before["layout"]!, "step_count": Tensor(9)]) { $1 }
        assertThrowsTorchError(try load(pair[0], state), line: line) { assertContains("\($0)", text, line: line) }
        assertIdentical(pair[0].state, before, title, line: line)
        for (model, optimizer) in zip(models, pair) {
            XCTAssertEqual(try optimizer.step(), .applied, title, line: line)
            try run(model, optimizer, 4..<7)
        }
        assertIdentical(models[0].values, models[1].values, title, line: line)
        assertIdentical(pair[0].state, pair[1].state, title, line: line)
        if let (one, other) = (pair[0] as? FOP).map({ ($0, pair[1] as! FOP) }) {
            XCTAssertEqual(one.coverage.rows.map(\.kind), other.coverage.rows.map(\.kind), title, line: line)
            XCTAssertEqual(one.diagnostics, other.diagnostics, title, line: line)
        }
    }

    func testARefusalChangesNothing() throws {
        for (name, make) in optimizers {
            let isFOP = name.contains("F")
            var cases: [(text: String, spoil: (inout [String: Tensor]) -> Void)] = [
                ("no 'step_count'", { $0["step_count"] = nil }),
                ("no 'learning_rates'", { $0["learning_rates"] = nil }),
                ("'learning_rates' has shape [2], [1] expected", { $0["learning_rates"] = .zeros([2]) }),
                ("'other' of shape [2]", { $0["other"] = .zeros([2]) }),
                ("'layout' does not list parameters", { $0["layout"] = Tensor([UInt8](repeating: 65, count: 9)) }),
                ("'layout' does not list parameters", { $0["layout"] = Tensor.zeros([4]) }),
            ]
            if isFOP {
                let factor = name == "EKFAC" ? "output_basis" : "output_inverse"
                cases += [
                    ("no 'curvature.counters'", { $0["curvature.counters"] = nil }),
                    ("'curvature.counters' has other than whole numbers", {
                        $0["curvature.counters"] = Tensor([1, -5, 0, 0])
                    }),
                    ("'curvature.damping' is nan", { $0["curvature.damping"] = Tensor(Double.nan) }),
                    ("no 'curvature.noise_square'", { $0["curvature.noise_square"] = nil }),
                    ("'curvature.last.input_factor", { state in
                        let key = state.keys.first { $0.hasPrefix("curvature.last.input_factor") }!
                        state[key] = .zeros([2, 3])
                    }),
                    ("no 'curvature.last.\(factor)'", { $0["curvature.last.\(factor)"] = nil }),
                    ("no 'curvature.first.input_factor", { state in
                        for key in state.keys where key.hasPrefix("curvature.first.input_factor") { state[key] = nil }
                    }),
                ]
            } else {
                cases.append(("no 'scale.step'", { $0["scale.step"] = nil }))
            }
            for (text, spoil) in cases {
                try assertRefused(make, "\(name): \(text)", saying: text) { optimizer, state in
                    var state = state
                    spoil(&state)
                    try optimizer.load(state)
                }
            }
        }
    }

    func testARefusedFileChangesNothing() throws {
        for (name, make) in optimizers {
            try withTemporaryDirectory { directory in
                let path = directory + "/state"
                let other = try make(Net())
                try other.save(to: path)
                let (tensors, notes) = try SafetensorsFile.read(path)
                let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
                try assertRefused(make, "\(name): truncated", saying: path) { optimizer, _ in
                    try bytes.prefix(bytes.count - 3).write(to: URL(fileURLWithPath: path))
                    try optimizer.restore(from: path)
                }
                var wrong = notes
                wrong["format_version"] = "3"
                try assertRefused(make, "\(name): version", saying: "'1' or '2' expected") { optimizer, _ in
                    try SafetensorsFile.write(tensors: tensors, metadata: wrong, to: path)
                    try optimizer.restore(from: path)
                }
            }
        }
    }

    /// A file of another model with the same names tells by its layout, whatever else is in it: momentum and factors
    /// may both be missing.
    func testAStateOfAnotherModelNamesTheFirstShape() throws {
        for (name, make) in optimizers {
            for hasStepped in [true, false] {
                let other = Net(width: 4)
                let saved = try make(other)
                if hasStepped { try run(other, saved, 0..<2) }
                let states = [saved.state] + ((saved as? FOP).map { [$0.state(includingCurvature: false)] } ?? [])
                for state in states {
                    try assertRefused(
                        make, name, saying: "'scale' has shape [4], [5] expected"
                    ) { optimizer, _ in try optimizer.load(state) }
                }
            }
        }
    }

    private final class Larger: Module {
        let first = Linear(4, 5)
        let scale = Parameter(Tensor.full([5], 0.5))
        let last = Linear(5, 3)
        let head = Linear(3, 2, bias: false)
    }

    func testParametersTooManyOrTooFew() throws {
        for (name, make) in optimizers {
            let larger = try make(Larger())
            try assertRefused(
                make, name, saying: "a parameter 'head.weight' of shape [2, 3], which the model does not"
            ) { optimizer, _ in try optimizer.load(larger.state) }
            let model = Net()
            let smaller = try make(model)
            try run(model, smaller, 0..<2)
            assertThrowsTorchError(try larger.load(smaller.state)) {
                assertContains("\($0)", "no parameter 'head.weight' of shape [2, 3]")
            }
        }
    }

    /// Another kind of block is refused where its factors come along; without them only the parameters count.
    func testOtherBlocks() throws {
        let model = Net()
        let saved = try fop(0)(model) as! FOP
        try run(model, saved, 0..<2)
        try assertRefused(
            fop(0) { $0.curvature.block = .diagonal }, "diagonal",
            saying: "'first.weight' was kronecker, and is diagonal here"
        ) { optimizer, _ in try optimizer.load(saved.state) }
        let other = Net()
        let diagonal = try fop(0) { $0.curvature.block = .diagonal }(other) as! FOP
        try diagonal.load(saved.state(includingCurvature: false))
        XCTAssertEqual(diagonal.stepCount, 2)
        try run(other, diagonal, 2..<4)

        other.last.weight.requiresGradient = false
        let frozen = try fop(0)(other)
        assertThrowsTorchError(try frozen.load(saved.state)) {
            assertContains("\($0)", "'last.weight' was kronecker, and is frozen here")
        }
    }

    /// Files from before there was a layout.
    func testFilesOfVersion1AreStillRead() throws {
        for (name, make) in optimizers {
            let model = Net()
            let optimizer = try make(model)
            try run(model, optimizer, 0..<3)
            try withTemporaryDirectory { directory in
                let path = directory + "/state"
                try optimizer.save(to: path)
                var (tensors, notes) = try SafetensorsFile.read(path)
                XCTAssertEqual(notes["format_version"], "2")
                for key in ["layout", "curvature.noise_square", "curvature.noise_variance"] { tensors[key] = nil }
                notes["format_version"] = "1"
                try SafetensorsFile.write(tensors: tensors, metadata: notes, to: path)
                let other = Net()
                for (own, parameter) in zip(other.parameters, model.parameters) {
                    withoutGradients { own.value.copy(from: parameter.value) }
                }
                let resumed = try make(other)
                try resumed.restore(from: path)
                try run(model, optimizer, 3..<5)
                try run(other, resumed, 3..<5)
                assertIdentical(other.values, model.values, name)
            }
        }
    }

    func testTheNoiseScaleGoesOn() throws {
        for momentum in [0, 0.9] {
            let (whole, other) = (Net(), Net())
            let optimizer = try fop(momentum)(whole) as! FOP
            try run(whole, optimizer, 0..<5)
            let resumed = try fop(momentum)(other) as! FOP
            for (own, parameter) in zip(other.parameters, whole.parameters) {
                withoutGradients { own.value.copy(from: parameter.value) }
            }
            try resumed.load(optimizer.state.mapValues { $0.cloned() })
            for seed in 5..<8 {
                try run(whole, optimizer, seed..<seed + 1)
                try run(other, resumed, seed..<seed + 1)
                XCTAssertNotNil(optimizer.diagnostics)
                XCTAssertEqual(resumed.diagnostics, optimizer.diagnostics)
                assertIdentical(resumed.state, optimizer.state)
            }
            // Another optimizer's averages do not stay behind.
            try resumed.load(optimizer.state.filter { !$0.key.contains("noise") })
            XCTAssertNil(resumed.state["curvature.noise_square"])
        }
    }
}
