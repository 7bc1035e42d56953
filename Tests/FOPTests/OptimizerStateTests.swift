import FOP
import TestSupport
import Torch
import XCTest

final class OptimizerStateTests: XCTestCase {
    static let optimizers: [String: MakeOptimizer] = simple.merging(baselines) { first, _ in first }

    private static let simple: [String: MakeOptimizer] = [
        "SGD": { try SGD($0, learningRate: 0.1, momentum: 0.9, dampening: 0.2, weightDecay: 0.01) },
        "plain SGD": { try SGD($0, learningRate: 0.1) },
        "AdamW": { try AdamW($0, learningRate: 0.01) },
    ]

    static let baselines: [String: MakeOptimizer] = [
        "LAMB": { try LAMB($0, learningRate: 0.01) },
        "Shampoo": { try Shampoo($0, learningRate: 0.1, grafting: .rmsProp, interval: 2, startStep: 3) },
        "SOAP": { try SOAP($0, learningRate: 0.01, interval: 2) },
        "Muon": { try Muon($0, learningRate: 0.01) },
    ]

    func testAResumedRunEqualsOneThatNeverStopped() throws {
        for (name, make) in Self.optimizers {
            let whole = Pair()
            let optimizer = try make(whole)
            for seed in 0..<10 { try whole.step(optimizer, seed: seed) }

            let first = Pair()
            let before = try make(first)
            for seed in 0..<6 { try first.step(before, seed: seed) }
            try withTemporaryDirectory { directory in
                try SafetensorsFile.write(tensors: before.state, to: directory + "/state")
                let second = Pair(weight: first.weight.value.detached(), bias: first.bias.value.detached())
                let after = try make(second)
                try after.load(try SafetensorsFile.read(directory + "/state").tensors)
                XCTAssertEqual(after.stepCount, 6)
                for seed in 6..<10 { try second.step(after, seed: seed) }
                assertIdentical(second.values, whole.values, name)
                assertIdentical(after.state, optimizer.state, name)
            }
        }
    }

    func testLearningRatesAreRestored() throws {
        let model = Pair()
        let optimizer = try SGD(
            model, learningRate: 0.1, groups: [ParameterGroup([model.bias], learningRate: 0.2)])
        optimizer.learningRate = 0.03
        optimizer.learningRates[1] = 7
        let other = Pair()
        let loaded = try SGD(other, learningRate: 1, groups: [ParameterGroup([other.bias], learningRate: 0.2)])
        try loaded.load(optimizer.state)
        XCTAssertEqual(loaded.learningRates, [0.03, 7])
    }

    func testStateOfAnotherTypeIsConverted() throws {
        for (name, make) in Self.optimizers {
            let model = Pair(dtype: .float32)
            let optimizer = try make(model)
            try model.step(optimizer, seed: 1)
            let wide = Pair(dtype: .float64)
            let loaded = try make(wide)
            try loaded.load(optimizer.state)
            for (key, tensor) in optimizer.state where tensor.dtype == .float32 {
                XCTAssertEqual(loaded.state[key]?.dtype, .float64, "\(name) \(key)")
                assertClose(loaded.state[key], tensor, rtol: 0, atol: 0, "\(name) \(key)")
            }
        }
    }

    func testTheSavedTensorsAreNotTheLoadedOnes() throws {
        let model = Pair()
        let optimizer = try AdamW(model)
        try model.step(optimizer, seed: 1)
        let saved = optimizer.state.mapValues { $0.cloned() }
        let other = try AdamW(Pair())
        try other.load(saved)
        try model.step(other, seed: 2)
        try Pair().step(other, seed: 2)
        assertIdentical(saved, optimizer.state)
    }

    func testAStateThatDoesNotFitNamesTheKeyAndChangesNothing() throws {
        for (name, make) in Self.optimizers where name != "plain SGD" {
            let buffer = ["SGD", "Shampoo", "Muon"].contains(name) ? "momentum" : "average"
            let cases: [(String, (inout [String: Tensor]) -> Void)] = [
                ("no 'step_count'", { $0["step_count"] = nil }),
                ("no 'bias.step'", { $0["bias.step"] = nil }),
                ("no 'weight.\(buffer)'", { $0["weight.\(buffer)"] = nil }),
                ("'weight.\(buffer)' has shape [4], [4, 3] expected", { $0["weight.\(buffer)"] = .zeros([4]) }),
                ("'head.\(buffer)' of shape [2]", { $0["head.\(buffer)"] = .zeros([2]) }),
                ("'learning_rates' has shape [2], [1] expected", { $0["learning_rates"] = .zeros([2]) }),
                ("'bias.step' is not a whole number of 0 or more", { $0["bias.step"] = Tensor(-1) }),
                ("'step_count' is not a whole number", { $0["step_count"] = Tensor(1.5) }),
            ]
            for (text, spoil) in cases {
                let model = Pair()
                let optimizer = try make(model)
                for seed in 0..<3 { try model.step(optimizer, seed: seed) }
                let before = optimizer.state.mapValues { $0.cloned() }
                var state = try Self.advanced(make)
                spoil(&state)
                assertThrowsTorchError(try optimizer.load(state)) { error in
                    guard case .stateMismatch(let found) = error else { return XCTFail("\(error)") }
                    assertContains(found, text)
                }
                assertIdentical(optimizer.state, before, "\(name): \(text)")
            }
        }
    }

    /// The state after some steps.
    private static func advanced(_ make: MakeOptimizer) throws -> [String: Tensor] {
        let model = Pair()
        let optimizer = try make(model)
        for seed in 5..<9 { try model.step(optimizer, seed: seed) }
        return optimizer.state
    }
}
