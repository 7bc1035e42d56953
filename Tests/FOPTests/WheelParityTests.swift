import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// The pip wheel and this library, on the same model, data and options: the same parameters step for step over 20 steps,
/// to 1e-5. The numbers are the wheel's (Python/tests/parity.py), whose own tests compare it with them.
final class WheelParityTests: XCTestCase {
    private func makeModel() -> Sequential {
        Sequential(
            Conv2d(1, 6, kernel: 3, padding: 1), BatchNorm(6), ReLU(),
            Conv2d(6, 8, kernel: 3, stride: 2, padding: 1, groups: 2, bias: false), GroupNorm(groups: 4, channels: 8),
            ReLU(), Flatten(), Linear(128, 16), LayerNorm(16), ReLU(), Linear(16, 4))
    }

    private func options(_ change: (inout CurvatureConfiguration) -> Void) -> FOPOptions {
        var options = FOPOptions()
        options.weightDecay = 0.01
        options.curvature.factorInterval = .every(2)
        options.curvature.inverseInterval = .every(3)
        change(&options.curvature)
        return options
    }

    private func check(_ run: String, microBatches: Int, _ options: FOPOptions) throws {
        let fixture = try FixtureFile("../../Python/tests/parity.safetensors")
        let model = makeModel()
        withoutGradients {
            for (name, parameter) in model.namedParameters {
                parameter.value.copy(from: fixture.tensors["initial/\(name)"] ?? .undefined)
            }
        }
        let optimizer = try FOP(model, learningRate: 0.05, options: options)
        var compared = 0
        for step in 0..<20 {
            let (x, labels) = (try fixture.tensor("x/\(step)"), try fixture.tensor("labels/\(step)"))
            for part in subBatchRanges(labels.count, parts: microBatches) {
                let answers = labels.narrowed(0, from: part.lowerBound, length: part.count)
                let output = model(x.narrowed(0, from: part.lowerBound, length: part.count))
                try optimizer.backward(crossEntropy(output, answers, reduction: .sum) * (1 / Double(labels.count)))
            }
            try optimizer.step()
            for (name, parameter) in model.namedParameters {
                guard let expected = fixture.tensors["\(run)/\(step)/\(name)"] else { continue }
                compared += 1
                assertRelativeDifference(parameter.value, expected, below: 1e-5, "\(run), step \(step), \(name)")
            }
        }
        XCTAssertEqual(compared, 4 * model.namedParameters.count)
    }

    func testOneBatchPerStep() throws { try check("one", microBatches: 1, options { _ in }) }

    func testStaggeredCurvature() throws {
        try check("staggered", microBatches: 1, options { $0.staggersCurvature = true })
    }

    func testMicroBatches() throws {
        try check(
            "accumulated", microBatches: 3,
            options {
                $0.weightSharing = .reduce
                $0.metric = .damped
            })
    }
}
