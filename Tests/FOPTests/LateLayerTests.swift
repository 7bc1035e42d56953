import FOP
import TestSupport
import Torch
import XCTest

/// Layers that not every forward pass uses.
final class LateLayerTests: XCTestCase {
    private final class Net: Module {
        let first = Linear(4, 3, generator: Generator(seed: 1))
        let second = Linear(3, 3, generator: Generator(seed: 2))

        func output(_ input: Tensor, usingSecond: Bool) -> Tensor {
            let features = first(input)
            return usingSecond ? second(features.tanh()) : features
        }
    }

    /// A layer that is used for the first time between two curvature steps gets its factors and inverses at once, and
    /// one that is not used in a step stays as it is.
    func testALayerUsedLateIsPreconditionedAtOnce() throws {
        let model = Net()
        var options = FOPOptions()
        options.curvature.factorInterval = .every(10)
        options.curvature.inverseInterval = .every(10)
        let optimizer = try FOP(model, learningRate: 0.1, options: options)
        let inputs = randomTensor([6, 4], seed: 3)
        let labels = Tensor([0, 1, 2, 0, 1, 2])
        func step(usingSecond: Bool) throws {
            try optimizer.backward(crossEntropy(model.output(inputs, usingSecond: usingSecond), labels))
            XCTAssertEqual(try optimizer.step(), .applied)
        }

        let untouched = model.second.weight.value.detached().cloned()
        try step(usingSecond: false)
        assertIdentical(model.second.weight.value.detached(), untouched)
        XCTAssertEqual(optimizer.inverseOutcomes[.cholesky], 2)
        try step(usingSecond: true)
        XCTAssertEqual(optimizer.inverseOutcomes[.cholesky], 4)
        XCTAssertNotNil(optimizer.state["curvature.second.input_inverse"])
        XCTAssertFalse(model.second.weight.value.detached().isEqual(to: untouched))
    }

    func testCoverageNamesEveryParameter() throws {
        let coverage = try FOP(Net(), learningRate: 0.1).coverage
        XCTAssertEqual(coverage.rows.map(\.parameter), ["first.weight", "first.bias", "second.weight", "second.bias"])
        XCTAssertEqual(coverage.rows.map(\.kind), Array(repeating: "kronecker", count: 4))
        XCTAssertEqual(coverage.rows[0].factors, "5x5 3x3")
        // Factors and inverses of 5 x 5 and 3 x 3, and two damping numbers, in float32.
        XCTAssertEqual(coverage.rows[0].bytes, 4 * (2 * (25 + 9) + 2))
        XCTAssertEqual(coverage.rows.reduce(0) { $0 + $1.share }, 1, accuracy: 1e-12)
        XCTAssertEqual(coverage.description.split(separator: "\n").count, 5)
    }
}
