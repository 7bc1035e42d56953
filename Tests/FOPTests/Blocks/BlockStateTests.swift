import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Saved states of every kind of block.
final class BlockStateTests: SmallModelTestCase {
    private final class Net: Module {
        let embedding = Embedding(9, 4, generator: Generator(seed: 1))
        let first: Linear
        let convolution = Conv1d(5, 4, kernel: 3, padding: 1, groups: 1, generator: Generator(seed: 5))
        let norm = GroupNorm(groups: 2, channels: 4)
        let loose = Parameter(randomTensor([4], seed: 2))
        let head = Linear(4, 3, generator: Generator(seed: 3))

        init(width: Int = 5, dtype: DType = .float32) {
            first = Linear(4, width, generator: Generator(seed: 2))
            super.init()
            to(dtype)
        }

        func loss(_ seed: Int) -> Tensor {
            let words = embedding(randomIntegers([6, 7], in: 0..<9, seed: UInt64(seed)))
            let features = norm(convolution(first(words).tanh().transposed(1, 2))).mean([-1]) + loose.value
            return crossEntropy(head(features), randomIntegers([6], in: 0..<3, seed: UInt64(seed)))
        }
    }

    private let kinds: [(String, (inout FOPOptions) -> Void)] = [
        ("kronecker", { _ in }), ("reduce", { $0.curvature.weightSharing = .reduce }),
        ("ekfac", { $0.curvature.block = .ekfac }), ("diagonal", { $0.curvature.block = .diagonal }),
        ("split", { $0.curvature.maximumFactorSize = 3 }),
        ("staggered", { $0.curvature.staggersCurvature = true }),
        ("split ekfac", {
            $0.curvature.block = .ekfac
            $0.curvature.maximumFactorSize = 3
        }),
        ("fallback", {
            $0.curvature.block = .fallback
            $0.fallback.rule = .adamW()
        }),
    ]

    private func make(_ model: Module, _ change: (inout FOPOptions) -> Void) throws -> FOP {
        try FOP(
            model, learningRate: 0.05,
            options: options { options in
                // Inverses are older than factors, and steps between them use both.
                options.curvature.factorInterval = .every(2)
                options.curvature.inverseInterval = .every(3)
                change(&options)
            })
    }

    private func run(_ model: Net, _ optimizer: FOP, _ seeds: Range<Int>) throws {
        for seed in seeds {
            try optimizer.backward(model.loss(seed))
            XCTAssertEqual(try optimizer.step(), .applied)
        }
    }

    private func copy(_ model: Net, dtype: DType = .float32) -> Net {
        let other = Net(dtype: dtype)
        for (own, parameter) in zip(other.parameters, model.parameters) {
            withoutGradients { own.value.copy(from: parameter.value) }
        }
        return other
    }

    func testAResumedRunEqualsOneThatNeverStopped() throws {
        for (name, change) in kinds {
            for stop in 3..<6 {
                let whole = Net()
                let optimizer = try make(whole, change)
                try run(whole, optimizer, 0..<stop)
                try withTemporaryDirectory { directory in
                    try optimizer.save(to: directory + "/state")
                    let second = copy(whole)
                    let resumed = try make(second, change)
                    try resumed.restore(from: directory + "/state")
                    try run(whole, optimizer, stop..<9)
                    try run(second, resumed, stop..<9)
                    assertIdentical(second.parameters.map(\.value), whole.parameters.map(\.value), "\(name), \(stop)")
                    assertIdentical(resumed.state, optimizer.state, "\(name), \(stop)")
                }
            }
        }
    }

    /// The same state in a model of another type: rounding apart, the run goes on alike.
    func testAStateGoesOnInAnotherType() throws {
        for (name, change) in kinds {
            for (from, to) in [(DType.float32, DType.float64), (.float64, .float32)] {
                let model = Net(dtype: from)
                let optimizer = try make(model, change)
                try run(model, optimizer, 0..<4)
                let other = copy(model, dtype: to)
                let resumed = try make(other, change)
                try resumed.load(optimizer.state)
                // Learning rates, damping and turns are float64, Adam's counts float32, whatever the model is.
                let tensors = resumed.state.filter { key, _ in
                    optimizer.state[key]?.dtype == from && !["learning_rates", "curvature.damping"].contains(key)
                        && !key.hasSuffix(".step") && !key.hasSuffix(".turn")
                }
                XCTAssertFalse(tensors.isEmpty)
                for (key, tensor) in tensors {
                    XCTAssertEqual(tensor.dtype, to, "\(name): \(key)")
                }
                try run(model, optimizer, 4..<6)
                try run(other, resumed, 4..<6)
                for ((key, one), (_, two)) in zip(other.namedParameters, model.namedParameters) {
                    assertRelativeDifference(
                        one.value.detached().to(.float64), two.value.detached().to(.float64), below: 1e-3, "\(name): \(key)")
                }
            }
        }
    }

    func testFactorsLeftOutAreRebuilt() throws {
        for (name, change) in kinds {
            let model = Net()
            let optimizer = try make(model, change)
            try run(model, optimizer, 0..<4)
            let small = optimizer.state(includingCurvature: false)
            XCTAssertFalse(small.keys.contains { $0.hasSuffix("factor") || $0.hasSuffix("fisher") || $0.hasSuffix("moments") }, name)
            let other = copy(model)
            let resumed = try make(other, change)
            try resumed.load(small)
            XCTAssertEqual(resumed.stepCount, 4)
            try run(other, resumed, 4..<5)
            XCTAssertEqual(Set(resumed.state.keys), Set(optimizer.state.keys), name)
        }
    }

    func testAStateOfAnotherModelChangesNothing() throws {
        for (name, change) in kinds {
            let saved = Net(width: 6)
            // Its convolution takes 5 channels: only the state is of interest.
            let other = try make(saved.first, change)
            try other.backward(saved.first(randomTensor([5, 4])).squared().sum())
            try other.step()

            let model = Net()
            let optimizer = try make(model, change)
            try run(model, optimizer, 0..<3)
            let before = optimizer.state.mapValues { $0.cloned() }
            let kinds = optimizer.coverage.rows.map(\.kind)
            assertThrowsTorchError(try optimizer.load(other.state)) { error in
                guard case .stateMismatch(let text) = error else { return XCTFail("\(error)") }
                assertContains(text, "it is of another model or optimizer")
            }
            var wrong = before
            let key = wrong.keys.sorted().first { $0.contains("first") && wrong[$0]!.rank == 2 }!
            wrong[key] = Tensor.zeros([3, 4, 5])
            assertThrowsTorchError(try optimizer.load(wrong)) { error in
                assertContains("\(error)", "'\(key)' has shape [3, 4, 5], \(before[key]!.shape) expected")
            }
            assertIdentical(optimizer.state, before, name)
            XCTAssertEqual(optimizer.coverage.rows.map(\.kind), kinds, name)
            try run(model, optimizer, 3..<5)
        }
    }

    /// A state in which a parameter is with the fallback rule that has a block here: refused, and the block stays.
    func testARefusedStateKeepsTheBlocks() throws {
        let model = Net()
        let optimizer = try make(model) { _ in }
        try run(model, optimizer, 0..<2)
        let before = optimizer.state.mapValues { $0.cloned() }
        var wrong = before
        wrong["fallback.head.weight.momentum"] = Tensor.zeros([3, 4])
        assertThrowsTorchError(try optimizer.load(wrong))
        assertIdentical(optimizer.state, before)
        XCTAssertEqual(optimizer.coverage.rows.first { $0.parameter == "head.weight" }?.kind, "kronecker")
    }

    func testFilesSayWhatTheyAre() throws {
        try withTemporaryDirectory { directory in
            let path = directory + "/state"
            let model = Net()
            let optimizer = try make(model) { _ in }
            try run(model, optimizer, 0..<1)
            try optimizer.save(to: path)
            let (tensors, notes) = try SafetensorsFile.read(path)
            XCTAssertEqual(notes, ["format": "fop-optimizer", "format_version": "2", "optimizer": "FOP"])
            for (key, value, text) in [
                ("format", "fop-checkpoint", "say 'fop-checkpoint' for format, 'fop-optimizer' expected"),
                ("format_version", "3", "say '3' for format_version, '1' or '2' expected"),
                ("optimizer", "SGD", "say 'SGD' for optimizer, 'FOP' expected"),
            ] {
                var wrong = notes
                wrong[key] = value
                try SafetensorsFile.write(tensors: tensors, metadata: wrong, to: path)
                assertThrowsTorchError(try optimizer.restore(from: path)) { assertContains("\($0)", text) }
            }
            try SafetensorsFile.write(tensors: tensors, to: path)
            assertThrowsTorchError(try optimizer.restore(from: path)) { assertContains("\($0)", "say nothing for format") }
        }
    }
}
