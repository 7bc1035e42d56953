import DenseComparison
import TestSupport
import TorchCore
import XCTest

@testable import FOPCore

/// Many layers' tensors in one matrix, against the same by layer.
final class LayerTensorsTests: XCTestCase {
    private func draw(_ shapes: [[Int]], rows: Int, dtype: DType = .float64) -> [[Tensor]] {
        (0..<rows).map { row in
            shapes.enumerated().map { randomTensor($1, seed: UInt64(10 * row + $0), dtype: dtype) }
        }
    }

    private let shapes = [[2, 3], [1, 1], [4, 2, 2], [5]]

    func testPartsAreTheTensorsOfARow() {
        let tensors = draw(shapes, rows: 3)
        let all = LayerTensors(tensors)
        for row in 0..<3 {
            for (part, tensor) in zip(all.parts(row: row), tensors[row]) { assertIdentical(part, tensor, "row \(row)") }
        }
    }

    func testTheMeanComesFirstAndDifferencesOfNeighboursFollow() {
        for rows in 1...3 {
            let tensors = draw(shapes, rows: rows)
            let all = LayerTensors(tensors).meanAndDifferences()
            XCTAssertEqual(all.rows, rows)
            for layer in shapes.indices {
                let sum = tensors.dropFirst().reduce(tensors[0][layer]) { $0 + $1[layer] }
                assertReference(all.parts()[layer], (sum * (1 / Double(rows))).scalars(as: Double.self))
                for row in 1..<rows {
                    assertReference(
                        all.parts(row: row)[layer],
                        (tensors[row - 1][layer] - tensors[row][layer]).scalars(as: Double.self))
                }
            }
        }
    }

    /// Also of so many elements that layers are converted one by one.
    func testInnerProductsAreThoseOfEachLayer() {
        for (shapes, dtype) in [(shapes, DType.float64), (shapes, .float32), ([[3], [700_000]], .float32)] {
            let (left, right) = (draw(shapes, rows: 2, dtype: dtype), draw(shapes, rows: 3, dtype: dtype))
            let products = LayerTensors(left).inner(LayerTensors(right))
            for (i, j) in [(0, 0), (0, 2), (1, 1)] {
                let expected = shapes.indices.map {
                    (left[i][$0].to(.float64) * right[j][$0].to(.float64)).sum().item(as: Double.self)
                }
                assertReference(products[i][j], expected, below: dtype == .float64 ? 1e-14 : 1e-6, "\(i), \(j), \(dtype)")
                XCTAssertEqual(products[i][j].dtype, dtype)
            }
        }
    }

    func testEachLayerHasItsOwnFactor() {
        let tensors = draw(shapes, rows: 2)
        let factors = [[2.0, -1, 0.5, 3], [1.0, 4, -2, 0]]
        let all = LayerTensors(tensors)
        let scaled = all.scaled(by: factors.map { Tensor($0) })
        let reduced = LayerTensors(tensors)
        reduced.subtractFirst(times: [Tensor(factors[0])])
        for layer in shapes.indices {
            let (first, second) = (tensors[0][layer], tensors[1][layer])
            let products = [first * factors[0][layer], second * factors[1][layer]]
            for row in 0..<2 { assertIdentical(scaled.parts(row: row)[layer], products[row]) }
            assertReference(scaled.sum().parts()[layer], (products[0] + products[1]).scalars(as: Double.self))
            assertReference(reduced.parts(row: 1)[layer], (second - products[0]).scalars(as: Double.self))
            assertIdentical(reduced.parts()[layer], first)
            assertIdentical(all.parts()[layer], first, "scaling leaves it as it was")
        }
    }
}
