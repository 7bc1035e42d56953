import TestSupport
import Torch
import XCTest

final class LossTests: XCTestCase {
    private static let reductions: [(String, Reduction)] = [("mean", .mean), ("sum", .sum), ("none", .none)]

    func testCrossEntropyEqualsTorch() throws {
        let fixture = try LayerFixture("losses")
        for (name, reduction) in Self.reductions {
            try fixture.checkFunction("crossentropy-\(name)") {
                crossEntropy($0, $1["target"]!, reduction: reduction)
            }
            try fixture.checkFunction("crossentropy-weights-\(name)") {
                crossEntropy($0, $1["target"]!, weight: $1["weight"]!, reduction: reduction)
            }
            try fixture.checkFunction("crossentropy-smoothing-\(name)") {
                crossEntropy($0, $1["target"]!, labelSmoothing: 0.1, reduction: reduction)
            }
            try fixture.checkFunction("crossentropy-smoothing-weights-\(name)") {
                crossEntropy($0, $1["target"]!, weight: $1["weight"]!, labelSmoothing: 0.1, reduction: reduction)
            }
            try fixture.checkFunction("crossentropy-probabilities-\(name)") {
                crossEntropy($0, $1["target"]!, reduction: reduction)
            }
            try fixture.checkFunction("crossentropy-ignored-\(name)") {
                crossEntropy($0, $1["target"]!, reduction: reduction)
            }
        }
        try fixture.checkFunction("crossentropy-picture") { crossEntropy($0, $1["target"]!) }
        try fixture.checkFunction("crossentropy-ignore-index") {
            crossEntropy($0, $1["target"]!, weight: $1["weight"]!, ignoreIndex: 3)
        }
        try fixture.checkFunction("crossentropy-probabilities-all") {
            crossEntropy($0, $1["target"]!, weight: $1["weight"]!, labelSmoothing: 0.2)
        }
    }

    func testNegativeLogLikelihoodEqualsTorch() throws {
        let fixture = try LayerFixture("losses")
        for (name, reduction) in Self.reductions {
            try fixture.checkFunction("nll-\(name)") {
                negativeLogLikelihood($0, $1["target"]!, weight: $1["weight"]!, reduction: reduction)
            }
        }
        try fixture.checkFunction("nll-ignore-index") { negativeLogLikelihood($0, $1["target"]!, ignoreIndex: 3) }
    }

    func testMeanSquaredErrorEqualsTorch() throws {
        let fixture = try LayerFixture("losses")
        for (name, reduction) in Self.reductions {
            try fixture.checkFunction("mse-\(name)") { meanSquaredError($0, $1["target"]!, reduction: reduction) }
        }
    }

    func testBinaryCrossEntropyEqualsTorch() throws {
        let fixture = try LayerFixture("losses")
        for (name, reduction) in Self.reductions {
            try fixture.checkFunction("bce-\(name)") {
                binaryCrossEntropyWithLogits($0, $1["target"]!, reduction: reduction)
            }
            try fixture.checkFunction("bce-weights-\(name)") {
                binaryCrossEntropyWithLogits(
                    $0, $1["target"]!, weight: $1["weight"]!, positiveWeight: $1["positive"]!, reduction: reduction)
            }
        }
    }

    func testShapesThatDifferAreRefused() {
        let pairs: [(Tensor, Tensor) -> Tensor] = [
            { meanSquaredError($0, $1) }, { binaryCrossEntropyWithLogits($0, $1) },
        ]
        for loss in pairs {
            assertThrowsTorchError(try TorchError.catching { loss(Tensor.zeros([4]), Tensor.zeros([4, 1])) }) { error in
                assertContains(error.description, "[4, 1]")
                assertContains(error.description, "LossTests.swift")
            }
        }
    }

    func testAWrongNumberOfLabelsGivesTorchsMessage() {
        assertThrowsTorchError(
            try TorchError.catching { crossEntropy(Tensor.zeros([4, 3]), Tensor([0, 1, 2])) }
        ) { error in
            assertContains(error.description, "Expected input batch_size (4) to match target batch_size (3)")
        }
    }
}
