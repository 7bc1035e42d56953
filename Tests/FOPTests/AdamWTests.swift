import FOP
import TestSupport
import Torch
import XCTest

final class AdamWTests: XCTestCase {
    func testEqualsTorchOver50Steps() throws {
        try assertEqualsTorch(
            "adamw-",
            [
                "default": { try AdamW($0) },
                "decay": { try AdamW($0, learningRate: 1e-2, weightDecay: 0.1) },
                "no-decay": { try AdamW($0, learningRate: 1e-2, weightDecay: 0) },
                "betas": {
                    try AdamW($0, learningRate: 1e-2, betas: (0.8, 0.95), epsilon: 1e-4, weightDecay: 0.1)
                },
                "schedule": { try AdamW($0, learningRate: 1e-2, weightDecay: 0.1) },
            ])
    }

    func testAParameterThatJoinsLaterCountsItsOwnSteps() throws {
        let model = Pair(dtype: .float64)
        let optimizer = try AdamW(model, learningRate: 0.01, weightDecay: 0)
        model.bias.requiresGradient = false
        for seed in 0..<5 { try model.step(optimizer, seed: seed) }
        model.bias.requiresGradient = true
        let before = model.bias.value.detached().cloned()
        try model.step(optimizer, seed: 9)
        // The first step of Adam is the learning rate, in the gradient's direction.
        let gradient = randomTensor([4], seed: 209, dtype: .float64)
        assertClose(model.bias.value, before - 0.01 * gradient / gradient.absolute(), rtol: 1e-6)
        XCTAssertEqual(optimizer.state["weight.step"]?.item(as: Int.self), 6)
        XCTAssertEqual(optimizer.state["bias.step"]?.item(as: Int.self), 1)
    }

    func testEverythingOutOfRangeIsNamedAtOnce() throws {
        assertThrowsTorchError(
            try AdamW(Pair(), learningRate: .infinity, betas: (1, -0.1), epsilon: -1, weightDecay: -1)
        ) { error in
            XCTAssertEqual(
                error,
                .invalidValue(
                    """
                    learningRate is inf: use a finite number of 0 or more; betas.0 is 1.0: use a number from 0 to below 1; \
                    betas.1 is -0.1: use a number from 0 to below 1; epsilon is -1.0: use a finite number of 0 or more; \
                    weightDecay is -1.0: use a finite number of 0 or more
                    """))
        }
    }
}
