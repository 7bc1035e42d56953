import TestSupport
import Torch
import XCTest

final class ActivationTests: XCTestCase {
    func testLayersEqualTorch() throws {
        let fixture = try LayerFixture("activations")
        try fixture.check("relu") { ReLU() }
        try fixture.check("gelu") { GELU() }
        try fixture.check("gelu-tanh") { GELU(approximation: .tanh) }
        try fixture.check("silu") { SiLU() }
        try fixture.check("tanh") { Tanh() }
        try fixture.check("sigmoid") { Sigmoid() }
        try fixture.check("leakyrelu") { LeakyReLU() }
        try fixture.check("leakyrelu-slope") { LeakyReLU(negativeSlope: 0.3) }
        try fixture.check("elu") { ELU() }
        try fixture.check("elu-alpha") { ELU(alpha: 0.5) }
        try fixture.check("softplus") { Softplus() }
        try fixture.check("softplus-options") { Softplus(beta: 2, threshold: 3) }
        try fixture.check("hardswish") { Hardswish() }
        try fixture.check("softmax") { Softmax() }
        try fixture.check("softmax-first") { Softmax(0) }
    }

    func testFunctionsEqualTorch() throws {
        let functions: [(String, (Tensor) -> Tensor)] = [
            ("relu", { $0.relu() }), ("gelu", { $0.gelu() }), ("gelu-tanh", { $0.gelu(approximation: .tanh) }),
            ("silu", { $0.silu() }), ("tanh", { $0.tanh() }), ("sigmoid", { $0.sigmoid() }),
            ("leakyrelu", { $0.leakyReLU() }), ("leakyrelu-slope", { $0.leakyReLU(negativeSlope: 0.3) }),
            ("elu", { $0.elu() }), ("elu-alpha", { $0.elu(alpha: 0.5) }), ("softplus", { $0.softplus() }),
            ("softplus-options", { $0.softplus(beta: 2, threshold: 3) }), ("hardswish", { $0.hardswish() }),
            ("softmax", { $0.softmax(1) }), ("softmax-first", { $0.softmax(0) }), ("logsoftmax", { $0.logSoftmax(-1) }),
        ]
        let fixture = try LayerFixture("activations")
        for (name, function) in functions {
            try fixture.check(name) { Identity() } call: { function($1[0]) }
        }
    }
}
