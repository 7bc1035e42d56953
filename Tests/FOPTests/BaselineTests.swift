import FOP
import TestSupport
import Torch
import XCTest

/// LAMB, Shampoo, SOAP and Muon against pytorch-optimizer and torch, step for step, in float64.
final class BaselineTests: XCTestCase {
    func testLAMB() throws {
        try assertEqualsReference(
            "lamb",
            [
                "lamb": { try LAMB($0, learningRate: 0.02, weightDecay: 0.1) },
                "lamb-uncorrected": {
                    let optimizer = try LAMB(
                        $0, learningRate: 0.02, betas: (0.8, 0.95), epsilon: 1e-3, weightDecay: 0.1)
                    optimizer.rule.correctsBias = false
                    optimizer.rule.maximumWeightNorm = 10
                    return optimizer
                },
                "lamb-bounded": {
                    let optimizer = try LAMB($0, learningRate: 0.02, weightDecay: 0)
                    optimizer.rule.correctsBias = false
                    optimizer.rule.maximumWeightNorm = 2
                    return optimizer
                },
            ])
    }

    func testShampoo() throws {
        try assertEqualsReference(
            "shampoo",
            [
                "shampoo": { try Shampoo($0, learningRate: 0.1, weightDecay: 0.1, interval: 3, startStep: 4) },
                "shampoo-tensor": {
                    let optimizer = try Shampoo(
                        $0, learningRate: 0.1, grafting: .rmsProp, interval: 1, startStep: 1)
                    optimizer.rule.kernelShape = .tensor
                    return optimizer
                },
                "shampoo-blocks": {
                    let optimizer = try Shampoo(
                        $0, learningRate: 0.1, grafting: .adaGrad, interval: 2, startStep: 2, blockSize: 2)
                    optimizer.rule.nesterov = false
                    return optimizer
                },
                "shampoo-ungrafted": {
                    let optimizer = try Shampoo(
                        $0, learningRate: 0.1, betas: (0.8, 0.9), grafting: .none, interval: 1, startStep: 1)
                    optimizer.rule.epsilon = 1e-3
                    return optimizer
                },
            ])
    }

    func testSOAP() throws {
        try assertEqualsReference(
            "soap",
            [
                "soap": { try SOAP($0, learningRate: 0.02, weightDecay: 0.1, interval: 3) },
                "soap-tensor": {
                    let optimizer = try SOAP($0, learningRate: 0.02, betas: (0.9, 0.99), interval: 1)
                    optimizer.rule.statisticsBeta = 0.8
                    optimizer.rule.kernelShape = .tensor
                    return optimizer
                },
                "soap-partial": {
                    let optimizer = try SOAP(
                        $0, learningRate: 0.02, epsilon: 1e-3, interval: 2, maximumDimension: 4)
                    optimizer.rule.correctsBias = false
                    return optimizer
                },
                "soap-vectors": {
                    let optimizer = try SOAP($0, learningRate: 0.02, interval: 2)
                    optimizer.rule.preconditionsVectors = true
                    return optimizer
                },
            ])
    }

    func testMuon() throws {
        func make(
            scaling: MuonRule.Scaling = .original, nesterov: Bool = true, iterations: Int = 5,
            adamWDecay: Double = 0, type: DType = .float64
        ) -> MakeOptimizer {
            { model in
                let optimizer = try Muon(
                    model, learningRate: 0.02, momentum: 0.9, weightDecay: 0.1, adamWLearningRate: 3e-3)
                optimizer.rule.scaling = scaling
                optimizer.rule.nesterov = nesterov
                optimizer.rule.iterations = iterations
                optimizer.rule.adamW.weightDecay = adamWDecay
                optimizer.rule.iterationType = type
                return optimizer
            }
        }
        try assertEqualsReference(
            "muon",
            [
                "muon": make(adamWDecay: 0.2),
                "muon-matching": make(scaling: .matchingAdamW, nesterov: false),
                "muon-torch": make(),
                "muon-torch-matching": make(scaling: .matchingAdamW, iterations: 3),
                "muon-torch-spectral": make(scaling: .spectral, nesterov: false),
                "muon-torch-bfloat16": make(type: .bfloat16),
            ],
            // Products of bfloat16 are rounded in an order that depends on the machine.
            tolerances: ["muon-torch-bfloat16": 1e-2])
    }

    func testMuonLeavesMarkedMatricesToAdamW() throws {
        let model = Pair(dtype: .float64)
        let other = Pair(dtype: .float64)
        let optimizer = try Muon(
            model, learningRate: 0.1, adamWLearningRate: 0.02,
            groups: [ParameterGroup([model.weight]) { $0.usesAdamW = true }])
        let adamW = try AdamW(other, learningRate: 0.02, betas: (0.9, 0.95), epsilon: 1e-10, weightDecay: 0)
        for seed in 0..<3 {
            try model.step(optimizer, seed: seed)
            try other.step(adamW, seed: seed)
        }
        assertClose(model.values, other.values, rtol: 1e-12, atol: 1e-12)
        XCTAssertEqual(Set(optimizer.state.keys.filter { $0.hasPrefix("weight.") }),
            ["weight.step", "weight.average", "weight.square"])
    }

    func testRatesOfMuonsTwoPartsChangeInProportion() throws {
        let model = Pair(dtype: .float64)
        let optimizer = try Muon(model, learningRate: 0.1, adamWLearningRate: 0.02)
        optimizer.learningRate = 0.05
        let bias = model.bias.value.detached().cloned()
        try model.step(optimizer, seed: 1)
        let gradient = randomTensor([4], seed: 201, dtype: .float64)
        assertClose(model.bias.value, bias - 0.01 * gradient.sign(), rtol: 1e-8, atol: 1e-8)
    }

    func testSingularMatricesGiveFiniteSteps() throws {
        // A gradient of rank one, of zeros, and both at tiny and at huge scale.
        let row = randomTensor([1, 3], seed: 1)
        for (name, make) in OptimizerStateTests.baselines {
            for scale in [0, 1e-12, 1e12] {
                let model = Pair()
                let optimizer = try make(model)
                for _ in 0..<6 {
                    try optimizer.backward((model.weight.value * row * scale).sum())
                    try optimizer.step()
                }
                XCTAssertTrue(model.weight.value.isFinite().all().item(as: Bool.self), "\(name) at \(scale)")
            }
        }
    }

    func testEverythingOutOfRangeIsNamedAtOnce() {
        let cases: [(() throws -> any Optimizer, String)] = [
            (
                { try LAMB(Pair(), betas: (1, 2), epsilon: 0, weightDecay: -1) },
                """
                betas.0 is 1.0: use a number from 0 to below 1; betas.1 is 2.0: use a number from 0 to below 1; \
                epsilon is 0.0: use a finite number above 0; weightDecay is -1.0: use a finite number of 0 or more
                """
            ),
            (
                { try Shampoo(Pair(), betas: (0.9, 1), interval: 0, startStep: 0, blockSize: 0) },
                """
                betas.1 is 1.0: use a number from 0 to below 1; interval is 0: use a whole number of 1 or more; \
                startStep is 0: use a whole number of 1 or more; blockSize is 0: use a whole number of 1 or more
                """
            ),
            (
                { try SOAP(Pair(), epsilon: -1, interval: -1, maximumDimension: 0) },
                """
                epsilon is -1.0: use a finite number of 0 or more; interval is -1: use a whole number of 1 or more; \
                maximumDimension is 0: use a whole number of 1 or more
                """
            ),
            (
                { try Muon(Pair(), momentum: 1, weightDecay: .nan) },
                "momentum is 1.0: use a number from 0 to below 1; weightDecay is nan: use a finite number of 0 or more"
            ),
            (
                { try Muon(Pair(), learningRate: 0, adamWLearningRate: 0.1) },
                "learningRate is 0 and adamWLearningRate is 0.1: they cannot change in proportion"
            ),
        ]
        for (make, text) in cases {
            assertThrowsTorchError(try make()) { XCTAssertEqual($0, .invalidValue(text)) }
        }
    }
}

/// Parameters by name that are driven by given gradients.
private final class Given: Module {
    let parts: [(name: String, parameter: Parameter)]

    init(_ values: [String: Tensor]) {
        parts = values.sorted { $0.key < $1.key }.map { ($0, Parameter($1.cloned())) }
        super.init()
    }

    override var children: [(name: String, part: ModulePart)] { parts.map { ($0, .parameter($1)) } }
}

/// Drives every case's optimizer by the fixture's gradients and compares after 1, 2, 5 and 20 steps.
private func assertEqualsReference(
    _ prefix: String, _ cases: [String: MakeOptimizer], tolerances: [String: Double] = [:],
    file: StaticString = #filePath, line: UInt = #line
) throws {
    let fixture = try FixtureFile("baselines.safetensors")
    let inFixture = fixture.metadata.keys.filter { $0 == prefix || $0.hasPrefix(prefix + "-") }
    XCTAssertEqual(Set(cases.keys), Set(inFixture), "cases", file: file, line: line)
    for (name, make) in cases {
        let names = fixture.tensors(under: "\(name)/step1/").keys
        let model = Given(fixture.tensors(under: "initial/").filter { names.contains($0.key) })
        let gradients = fixture.tensors(under: "gradients/")
        let optimizer = try make(model)
        for step in 0..<20 {
            try optimizer.backward(
                loss(model.parts.map(\.parameter), gradients: model.parts.map { gradients[$0.name]!.selected(0, step) }))
            try optimizer.step()
            guard [1, 2, 5, 20].contains(step + 1) else { continue }
            for (part, parameter) in model.parts {
                let tolerance = tolerances[name] ?? 1e-9
                assertClose(
                    parameter.value, try fixture.tensor("\(name)/step\(step + 1)/\(part)"), rtol: tolerance,
                    atol: tolerance, "\(name) \(part) after \(step + 1) steps", file: file, line: line)
            }
        }
    }
}
