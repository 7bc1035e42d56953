import FOP
import TestSupport
import Torch
import XCTest

final class SGDTests: XCTestCase {
    func testEqualsTorchOver50Steps() throws {
        try assertEqualsTorch(
            "sgd-",
            [
                "plain": { try SGD($0, learningRate: 0.1) },
                "momentum": { try SGD($0, learningRate: 0.1, momentum: 0.9) },
                "dampening": { try SGD($0, learningRate: 0.1, momentum: 0.9, dampening: 0.5) },
                "nesterov": { try SGD($0, learningRate: 0.1, momentum: 0.9, nesterov: true) },
                "decay": { try SGD($0, learningRate: 0.1, weightDecay: 0.05) },
                "nesterov-decay": {
                    try SGD($0, learningRate: 0.1, momentum: 0.8, weightDecay: 0.05, nesterov: true)
                },
                "schedule": { try SGD($0, learningRate: 0.1, momentum: 0.9) },
            ])
    }

    func testChannelsLastParametersAreUpdatedInTheirLayout() throws {
        let value = randomTensor([4, 3, 3, 3], seed: 1)
        let model = Convolution2dOnly(value.contiguous(.channelsLast))
        let gradient = randomTensor([4, 3, 3, 3], seed: 2)
        let optimizer = try SGD(model, learningRate: 0.5, momentum: 0.9)
        try optimizer.backward(loss([model.weight], gradients: [gradient]))
        try optimizer.step()
        XCTAssertFalse(model.weight.value.isContiguous)
        assertClose(model.weight.value, value - 0.5 * gradient)
    }

    func testMomentumCanBeChangedBetweenSteps() throws {
        let model = Pair()
        let optimizer = try SGD(model, learningRate: 0.1)
        try model.step(optimizer, seed: 1)
        XCTAssertNil(optimizer.state["weight.momentum"])
        optimizer.rule.momentum = 0.9
        try model.step(optimizer, seed: 2)
        assertClose(optimizer.state["weight.momentum"], randomTensor([4, 3], seed: 102))
        optimizer.rule.momentum = 0
        XCTAssertNil(optimizer.state["weight.momentum"])
    }

    func testEverythingOutOfRangeIsNamedAtOnce() throws {
        assertThrowsTorchError(
            try SGD(Pair(), learningRate: -1, momentum: 1.5, dampening: 2, weightDecay: .nan, nesterov: true)
        ) { error in
            XCTAssertEqual(
                error,
                .invalidValue(
                    """
                    learningRate is -1.0: use a finite number of 0 or more; momentum is 1.5: use a number from 0 to below 1; \
                    dampening is 2.0: use a number from 0 to 1; weightDecay is nan: use a finite number of 0 or more; \
                    dampening is 2.0: use 0 with nesterov
                    """))
        }
        assertThrowsTorchError(try SGD(Pair(), learningRate: 0.1, nesterov: true)) {
            assertContains("\($0)", "momentum is 0.0: use a number above 0 with nesterov")
        }
    }
}

/// Drives every case's optimizer by the fixture's gradients and compares after 1, 10 and 50 steps.
func assertEqualsTorch(
    _ prefix: String, _ cases: [String: MakeOptimizer], file: StaticString = #filePath, line: UInt = #line
) throws {
    let fixture = try FixtureFile("optimizers.safetensors")
    let inFixture = Set(fixture.metadata.keys.filter { $0.hasPrefix(prefix) })
    XCTAssertEqual(Set(cases.keys.map { prefix + $0 }), inFixture, "cases", file: file, line: line)
    for (dtype, tolerance) in [("float32", 1e-6), ("float64", 1e-12)] {
        for (name, make) in cases {
            let given = try GivenGradients(fixture, prefix: "\(dtype)/")
            let optimizer = try make(given.model)
            let base = optimizer.learningRate
            for step in 0..<50 {
                if name == "schedule" { optimizer.learningRate = try base * Schedule.exponential(factor: 0.98)(step) }
                try optimizer.backward(given.loss(step))
                try optimizer.step()
                guard [1, 10, 50].contains(step + 1) else { continue }
                for (part, parameter) in given.model.namedParameters {
                    let expected = try fixture.tensor("\(dtype)/\(prefix)\(name)/step\(step + 1)/\(part)")
                    assertClose(
                        parameter.value, expected, rtol: tolerance, atol: tolerance,
                        "\(dtype) \(name) \(part) after \(step + 1) steps", file: file, line: line)
                }
            }
        }
    }
}

private final class Convolution2dOnly: Module {
    let weight: Parameter
    init(_ weight: Tensor) {
        self.weight = Parameter(weight)
        super.init()
    }
}
