import FOP
import TestSupport
import Torch
import XCTest

final class OptimizerGroupTests: XCTestCase {
    func testGroupsAndScheduleEqualTorch() throws {
        let fixture = try FixtureFile("training.safetensors")
        let cases: [String: (Pair) throws -> any Optimizer] = [
            "sgd": { model in
                try SGD(
                    model, learningRate: 0.1, momentum: 0.9, weightDecay: 0.05,
                    groups: [
                        ParameterGroup([model.bias], learningRate: 0.02) {
                            $0.weightDecay = 0
                            $0.momentum = 0.5
                        }
                    ])
            },
            "adamw": { model in
                try AdamW(
                    model, learningRate: 0.01, weightDecay: 0.1,
                    groups: [
                        ParameterGroup([model.bias], learningRate: 0.003) {
                            $0.weightDecay = 0
                            $0.betas = (0.8, 0.9)
                        }
                    ])
            },
        ]
        for (name, make) in cases {
            let given = try GivenGradients(fixture, prefix: "")
            let optimizer = try make(given.model)
            let schedule = try optimizer.learningRate * Schedule.cosine(over: 20)
            for step in 0..<20 {
                optimizer.learningRate = schedule(step)
                try optimizer.backward(given.loss(step))
                try optimizer.step()
            }
            for (part, parameter) in given.model.namedParameters {
                assertClose(
                    parameter.value, try fixture.tensor("groups/\(name)/\(part)"), rtol: 1e-12, atol: 1e-12,
                    "\(name) \(part)")
            }
        }
    }

    func testRatesChangeInProportion() throws {
        let model = Pair()
        let optimizer = try SGD(
            model, learningRate: 0.1, groups: [ParameterGroup([model.bias], learningRate: 0.02)])
        optimizer.learningRate = 0
        XCTAssertEqual(optimizer.learningRates, [0, 0])
        optimizer.learningRate = 0.5
        XCTAssertEqual(optimizer.learningRates[1], 0.1, accuracy: 1e-16)
    }

    func testGroupsFollowChangesOfTheRuleThatTheyDoNotOverride() throws {
        let model = Pair()
        let optimizer = try SGD(
            model, learningRate: 0.1, groups: [ParameterGroup([model.bias]) { $0.weightDecay = 0 }])
        optimizer.rule.weightDecay = 0.5
        optimizer.rule.momentum = 0.9
        let bias = model.bias.value.detached().cloned()
        try model.step(optimizer, seed: 1)
        assertClose(model.bias.value, bias - 0.1 * randomTensor([4], seed: 201))
        XCTAssertNotNil(optimizer.state["bias.momentum"])
    }

    func testEverythingWrongWithGroupsIsNamedAtOnce() throws {
        let model = Pair()
        assertThrowsTorchError(
            try AdamW(
                model, learningRate: 0,
                groups: [
                    ParameterGroup([]), ParameterGroup([model.bias], learningRate: 0.1) { $0.epsilon = -1 },
                    ParameterGroup([model.bias, Pair().weight], learningRate: -1),
                ])
        ) { error in
            XCTAssertEqual(
                error,
                .invalidValue(
                    """
                    groups[0] has no parameters; groups[1]: epsilon is -1.0: use a finite number of 0 or more; \
                    learningRate is 0 and groups[1].learningRate is 0.1: they cannot change in proportion; \
                    groups[2].learningRate is -1.0: use a finite number of 0 or more; \
                    learningRate is 0 and groups[2].learningRate is -1.0: they cannot change in proportion; \
                    groups[2] has a parameter of shape [4] that is in another group or not in the model; \
                    groups[2] has a parameter of shape [4, 3] that is in another group or not in the model
                    """))
        }
    }
}

final class OptimizerClippingTests: XCTestCase {
    func testClippingEqualsTorch() throws {
        let fixture = try FixtureFile("training.safetensors")
        for name in ["norm", "value"] {
            let given = try GivenGradients(fixture, prefix: "")
            let optimizer = try SGD(given.model, learningRate: 0.1, momentum: 0.9)
            var norms: [Double] = []
            for step in 0..<20 {
                try optimizer.backward(given.loss(step))
                if name == "norm" {
                    norms.append(try optimizer.clipGradientNorm(maximum: 3.5).item(as: Double.self))
                } else {
                    try optimizer.clipGradientValues(maximum: 0.7)
                }
                try optimizer.step()
            }
            if name == "norm" { assertClose(Tensor(norms), try fixture.tensor("clipping/norms"), rtol: 1e-12, atol: 0) }
            for (part, parameter) in given.model.namedParameters {
                assertClose(
                    parameter.value, try fixture.tensor("clipping/\(name)/\(part)"), rtol: 1e-12, atol: 1e-12,
                    "\(name) \(part)")
            }
        }
    }

    func testClippingDoesNotHideWhatIsNotFinite() throws {
        let model = Pair()
        let optimizer = try SGD(model, learningRate: 0.1)
        try optimizer.backward((model.bias.value * Double.infinity).sum())
        try optimizer.clipGradientNorm(maximum: 1)
        XCTAssertEqual(try optimizer.step(), .skipped)
    }

    func testNothingGathered() throws {
        let optimizer = try SGD(Pair(), learningRate: 0.1)
        XCTAssertEqual(try optimizer.clipGradientNorm(maximum: 1).item(as: Double.self), 0)
        try optimizer.clipGradientValues(maximum: 1)
        for wrong in [0, -1, Double.nan] {
            assertThrowsTorchError(try optimizer.clipGradientNorm(maximum: wrong)) {
                assertContains("\($0)", "maximum is \(wrong): use a number above 0")
            }
            assertThrowsTorchError(try optimizer.clipGradientValues(maximum: wrong))
        }
    }
}
