import FOPCore
import TestSupport
import Torch
import XCTest

/// Group means from a mean that somebody has averaged, and perhaps changed, already.
final class EvenOddReductionTests: XCTestCase {
    private static func block() -> any FisherBlock {
        KroneckerBlock(LinearGeometry(outputs: 3, features: 4, hasBias: true))
    }

    /// Combines random gradients of `size` processes; `mean` makes what is handed over of the mean of all.
    private func groupMeans(
        _ size: Int, dtype: DType = .float64, mean: @escaping @Sendable (Tensor) -> Tensor
    ) -> (results: [[Tensor]], locals: [Tensor], elements: Int) {
        let locals = (0..<size).map { randomTensor([3, 5], seed: UInt64($0), dtype: dtype) }
        let total = locals.dropFirst().reduce(locals[0]) { $0 + $1 } * (1 / Double(size))
        let results = SimulatedProcesses(size).run { group in
            let reduction = EvenOddReduction(group)
            let input = StepInput(
                gradients: [[locals[group.rank]]], means: [mean(total)], statistics: [[]], isFinite: Tensor(true),
                examples: 3 + group.rank)
            let combined = reduction.combine(input, blocks: [Self.block()], due: [false], needsDifference: true)
            XCTAssertEqual(combined.examples, (0..<size).reduce(0) { $0 + 3 + $1 })
            XCTAssertEqual(reduction.elementsSent, group.elements)
            return (combined.gradients[0], group.elements)
        }
        return (results.map { $0.0 }, locals, results[0].1)
    }

    private func average(_ tensors: [Tensor]) -> Tensor {
        tensors.dropFirst().reduce(tensors[0]) { $0 + $1 } * (1 / Double(tensors.count))
    }

    func testMeansOfTheGroups() {
        for size in 2...6 {
            // As it is; clipped; freed of a loss scale.
            for factor in [1, 0.25, 1.0 / 65536] {
                let (results, locals, _) = groupMeans(size) { $0 * factor }
                let even = average(stride(from: 0, to: size, by: 2).map { locals[$0] }) * factor
                let odd = average(stride(from: 1, to: size, by: 2).map { locals[$0] }) * factor
                for result in results {
                    assertRelativeDifference(result[0], even, below: 1e-12, "even of \(size), factor \(factor)")
                    assertRelativeDifference(result[1], odd, below: 1e-12, "odd of \(size), factor \(factor)")
                    assertIdentical(result, results[0])
                }
            }
        }
    }

    /// Whatever somebody made of the mean, the groups' weighted mean is it.
    func testTheGivenMeanCounts() {
        let other = randomTensor([3, 5], seed: 77, dtype: .float64)
        for size in [2, 3] {
            let result = groupMeans(size) { _ in other }.results[0]
            let even = Double((size + 1) / 2)
            let mean = (result[0] * even + result[1] * (Double(size) - even)) * (1 / Double(size))
            assertRelativeDifference(mean, other, below: 1e-12)
            XCTAssertFalse(result[0].isEqual(to: result[1]))
            let (results, _, _) = groupMeans(size) { $0 * 0 }
            for tensor in results[0] { XCTAssertEqual(tensor.absoluteSum().item(as: Double.self), 0) }
        }
    }

    func testWhatIsSentWithAGivenMean() {
        XCTAssertEqual(groupMeans(2, mean: { $0 }).elements, 3 * 5 + 2 + 3)
    }
}
