import DenseComparison
import DenseReference
import TestSupport
import TorchCore
import XCTest

@testable import FOPCore

/// Sums of a a^T from products of rows, against the patches themselves.
final class RowPairProductsTests: SmallTensorTestCase {
    private struct Case {
        let channels: Int
        let sizes, kernel, padding, stride, dilation: [Int]

        var axes: [PatchAxis] {
            sizes.indices.map {
                PatchAxis(
                    size: sizes[$0], kernel: kernel[$0], padding: padding[$0], dilation: dilation[$0],
                    stride: stride[$0])
            }
        }
        var products: RowPairProducts { RowPairProducts(rows: axes[0], columns: axes[1], channels: channels) }
    }

    private func square(
        _ channels: Int, size: Int, kernel: Int = 3, padding: Int = 1, stride: Int = 1, dilation: Int = 1
    ) -> Case {
        Case(
            channels: channels, sizes: [size, size], kernel: [kernel, kernel], padding: [padding, padding],
            stride: [stride, stride], dilation: [dilation, dilation])
    }

    func testTheyEqualTheUnfoldedPatches() {
        let cases = [
            square(2, size: 4), square(3, size: 5, padding: 0), square(2, size: 5, padding: 2),
            square(2, size: 7, stride: 2), square(2, size: 8, stride: 2), square(1, size: 9, stride: 3),
            square(2, size: 9, kernel: 2, padding: 0, stride: 4), square(1, size: 8, dilation: 2),
            square(1, size: 9, padding: 2, stride: 2, dilation: 2), square(1, size: 9, stride: 2, dilation: 3),
            square(2, size: 12, kernel: 2, padding: 3, stride: 6, dilation: 4), square(2, size: 1),
            square(2, size: 2, kernel: 5, padding: 2), square(2, size: 3, kernel: 1, padding: 0, stride: 2),
            // Rows under no kernel position, and kernel rows that see padding only.
            square(1, size: 4, kernel: 1, padding: 2, stride: 3), square(1, size: 2, padding: 4, dilation: 4),
            Case(
                channels: 2, sizes: [6, 3], kernel: [3, 2], padding: [1, 0], stride: [2, 1], dilation: [1, 2]),
            Case(
                channels: 2, sizes: [3, 6], kernel: [1, 3], padding: [0, 2], stride: [1, 3], dilation: [1, 1]),
        ]
        for (seed, layer) in cases.enumerated() {
            for isChannelsLast in [false, true] {
                let image = randomTensor([3, layer.channels] + layer.sizes, seed: UInt64(seed), dtype: .float64)
                assertReference(
                    layer.products.sum(isChannelsLast ? image.contiguous(.channelsLast) : image),
                    reference(layer, DenseArray(image)), "\(layer), channels last: \(isChannelsLast)")
            }
        }
    }

    /// The sums from loops over the definition.
    private func reference(_ layer: Case, _ images: DenseArray) -> [Double] {
        let convolution = ReferenceConvolution(
            layer.channels, 1, kernel: layer.kernel, stride: layer.stride, padding: layer.padding,
            dilation: layer.dilation, groups: 1, hasBias: false)
        let rows = images.parts.flatMap { convolution.patches($0)[0] }
        let columns = rows[0].count
        return (0..<columns).flatMap { i in (0..<columns).map { j in rows.reduce(0) { $0 + $1[i] * $1[j] } } }
    }

    func testSomeOfTheExamplesEvenlySpreadAreTakenAsTheyLie() {
        let layer = square(2, size: 4)
        let image = randomTensor([6, 2, 4, 4], seed: 1, dtype: .float64).contiguous(.channelsLast)
        let some = image.sliced(0, step: 3)
        assertReference(layer.products.sum(some), reference(layer, DenseArray(some.contiguous())))
    }

    /// The count of multiplications is that of the products which are formed.
    func testTheCostIsThatOfTheRowsThatLieUnderOnePatch() {
        XCTAssertEqual(square(2, size: 4).products.cost, (4 + 3 + 2) * 8 * 8)
        // Rows 1 and 3, and 3 and 5, lie two apart under a patch; no others do.
        XCTAssertEqual(square(1, size: 7, stride: 2).products.cost, (7 + 6 + 2) * 7 * 7)
    }

    func testSmallImagesTakeRowsLargeOnesLagsAndWideStridesPatches() {
        func method(_ size: Int, channels: Int = 8, stride: Int = 1, groups: Int = 1) -> InputProductMethod {
            let layer = ConvolutionGeometry(
                weightShape: [8, channels / groups, 3, 3], stride: [stride, stride], padding: [1, 1],
                dilation: [1, 1], groups: groups, hasBias: false)
            return InputProductMethod(layer, Tensor.zeros([1, channels, size, size]))
        }
        guard case .rowPairs = method(4) else { return XCTFail("4 x 4") }
        guard case .rowPairs = method(7, stride: 2) else { return XCTFail("7 x 7, stride 2") }
        guard case .lags = method(14) else { return XCTFail("14 x 14") }
        guard case .unfolding = method(14, stride: 2) else { return XCTFail("14 x 14, stride 2") }
        guard case .lags = method(8, groups: 2) else { return XCTFail("groups") }
        // 8 x 2048 x 2048 numbers at a time for a factor of 2304 x 2304.
        guard case .lags = method(8, channels: 256) else { return XCTFail("memory") }
    }
}
