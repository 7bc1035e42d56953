import DenseComparison
import DenseReference
import TestSupport
import TorchCore
import XCTest

@testable import FOPCore

/// Sums of a a^T by lag, against the patches themselves.
final class PatchProductsTests: SmallTensorTestCase {
    private struct Case {
        let channels: Int
        let sizes, kernel, padding, dilation: [Int]
        var groups = 1
    }

    private let cases = [
        Case(channels: 2, sizes: [5], kernel: [3], padding: [1], dilation: [1]),
        Case(channels: 1, sizes: [6], kernel: [3], padding: [0], dilation: [2]),
        Case(channels: 2, sizes: [4], kernel: [2], padding: [3], dilation: [1]),
        Case(channels: 1, sizes: [3], kernel: [5], padding: [2], dilation: [1]),
        Case(channels: 1, sizes: [3], kernel: [3], padding: [3], dilation: [3]),
        Case(channels: 2, sizes: [6, 5], kernel: [3, 3], padding: [1, 1], dilation: [1, 1]),
        Case(channels: 2, sizes: [5, 4], kernel: [3, 2], padding: [0, 1], dilation: [1, 2]),
        Case(channels: 1, sizes: [4, 5], kernel: [1, 3], padding: [0, 2], dilation: [1, 1]),
        Case(channels: 4, sizes: [4, 4], kernel: [2, 3], padding: [1, 0], dilation: [1, 1], groups: 2),
        Case(channels: 3, sizes: [5, 5], kernel: [3, 3], padding: [1, 1], dilation: [1, 1], groups: 3),
        Case(channels: 1, sizes: [1, 4], kernel: [3, 3], padding: [1, 1], dilation: [1, 1]),
        Case(channels: 2, sizes: [3, 2, 3], kernel: [2, 2, 3], padding: [0, 1, 1], dilation: [1, 1, 1]),
    ]

    func testTheyEqualTheUnfoldedPatches() {
        for (seed, layer) in cases.enumerated() {
            for isChannelsLast in [false, true] where !isChannelsLast || layer.sizes.count == 2 {
                let image = randomTensor([3, layer.channels] + layer.sizes, seed: UInt64(seed), dtype: .float64)
                let axes = layer.sizes.indices.map {
                    PatchAxis(
                        size: layer.sizes[$0], kernel: layer.kernel[$0], padding: layer.padding[$0],
                        dilation: layer.dilation[$0])
                }
                let sum = PatchProducts(groups: layer.groups)
                    .sum(isChannelsLast ? image.contiguous(.channelsLast) : image, axes)
                assertReference(sum, reference(layer, DenseArray(image)), "\(layer), channels last: \(isChannelsLast)")
            }
        }
    }

    /// All groups' sums, from loops over the definition.
    private func reference(_ layer: Case, _ images: DenseArray) -> [Double] {
        let convolution = ReferenceConvolution(
            layer.channels, layer.groups, kernel: layer.kernel, padding: layer.padding, dilation: layer.dilation,
            groups: layer.groups, hasBias: false)
        let patches = images.parts.map(convolution.patches)
        return (0..<layer.groups).flatMap { group -> [Double] in
            let rows = patches.flatMap { $0[group] }
            let columns = rows[0].count
            return (0..<columns).flatMap { i in (0..<columns).map { j in rows.reduce(0) { $0 + $1[i] * $1[j] } } }
        }
    }

    func testTheyAreCheaperWherePatchesOverlapMuch() {
        func costs(size: Int, padding: Int, kernel: Int = 3) -> (lagged: Int, unfolded: Int) {
            let axes = Array(
                repeating: PatchAxis(size: size, kernel: kernel, padding: padding, dilation: 1), count: 2)
            return (PatchProducts(groups: 1).cost(channels: 4, axes), PatchProducts.unfoldedCost(channels: 4, axes))
        }
        let padded = costs(size: 14, padding: 1)
        XCTAssertLessThan(2 * padded.lagged, padded.unfolded)
        // A kernel as large as the image has one position.
        let whole = costs(size: 5, padding: 0, kernel: 5)
        XCTAssertGreaterThan(whole.lagged, whole.unfolded)
    }
}
