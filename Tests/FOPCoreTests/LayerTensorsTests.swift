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

    /// Of less than a chunk, of one or more whole ones, and of some and a part.
    private let shapes = [[2, 3], [1, 1], [4, 4, 4], [5], [16, 12], [3, 5, 7]]

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
            let means = LayerTensors(tensors).mean()
            XCTAssertEqual(all.rows, rows)
            XCTAssertEqual(means.rows, 1)
            for layer in shapes.indices {
                let sum = tensors.dropFirst().reduce(tensors[0][layer]) { $0 + $1[layer] }
                assertReference(all.parts()[layer], (sum * (1 / Double(rows))).scalars(as: Double.self))
                assertIdentical(means.parts()[layer], all.parts()[layer])
                for row in 1..<rows {
                    assertReference(
                        all.parts(row: row)[layer],
                        (tensors[row - 1][layer] - tensors[row][layer]).scalars(as: Double.self))
                }
            }
        }
    }

    /// Also of so many elements that their products are not in memory all at once.
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
        let tensors = draw(shapes, rows: 3)
        let factors = [[2.0, -1, 0.5, 3, 0, 7], [1.0, 4, -2, 0, -5, 2], [-3.0, 1, 1, 2, 6, -1]]
        let all = LayerTensors(tensors)
        let combined = all.combined(by: factors.map { Tensor($0) })
        let alone = all.first.combined(by: [Tensor(factors[0])])
        let reduced = LayerTensors(tensors)
        reduced.subtractFirst(times: factors.dropFirst().map { Tensor($0) })
        for layer in shapes.indices {
            let products = (0..<3).map { tensors[$0][layer] * factors[$0][layer] }
            assertReference(
                combined.parts()[layer], (products[0] + products[1] + products[2]).scalars(as: Double.self))
            assertIdentical(alone.parts()[layer], products[0])
            for row in 1..<3 {
                assertReference(
                    reduced.parts(row: row)[layer],
                    (tensors[row][layer] - tensors[0][layer] * factors[row][layer]).scalars(as: Double.self))
            }
            assertIdentical(reduced.parts()[layer], tensors[0][layer])
            for row in 0..<3 { assertIdentical(all.parts(row: row)[layer], tensors[row][layer], "as it was") }
        }
    }

    /// What lies between the layers stays zero, whatever is done to them.
    func testFillingIsZero() {
        let tensors = draw(shapes, rows: 2)
        let layers = shapes.map { LayerProducts(ofOne: $0, metric: { $0 + 1 }, preconditioner: { $0 }) }
        let all = LayerTensors(tensors).meanAndDifferences()
        let mapped = all.mapped(layers, \.metric)
        mapped.subtractFirst(times: [Tensor.ones([shapes.count], dtype: .float64)])
        for result in [all, mapped, mapped.combined(by: all.inner(mapped)[0])] {
            let inLayers = (0..<result.rows).flatMap { result.parts(row: $0) }.reduce(0) {
                $0 + $1.absolute().sum().item(as: Double.self)
            }
            XCTAssertEqual(result.matrix.absolute().sum().item(as: Double.self), inLayers, accuracy: 1e-9 * inLayers)
        }
    }

    /// Few chunks, so that sums by layer cost next to nothing, and little filling.
    func testChunksGoByTheNumberOfElements() {
        let small = [Int](repeating: 4_000, count: 20)
        let large = [Int](repeating: 1_000_000, count: 100)
        let many = [Int](repeating: 2_000_000, count: 1_000)
        for (counts, expected) in [(small, 64), (large, 1 << 15), (many, 1 << 16)] {
            XCTAssertEqual(LayerLayout.chunk(counts), expected)
            let filling = Double(counts.count * expected) / Double(counts.reduce(0, +))
            XCTAssertLessThan(filling, 0.07, "at most, for \(counts.count) layers")
        }
    }
}
