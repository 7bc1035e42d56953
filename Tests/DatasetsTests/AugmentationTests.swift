import TestSupport
import Torch
import XCTest

@testable import Datasets

final class AugmentationTests: XCTestCase {
    /// Frames, cuts, mirrors and normalises one plane step by step, in float64.
    private func slow(
        _ plane: [[UInt8]], _ draw: Augmentation.Draw, padding: Int, mean: Double, deviation: Double
    ) -> [Double] {
        let (height, width) = (plane.count, plane[0].count)
        var framed = [[UInt8]](
            repeating: [UInt8](repeating: 0, count: width + 2 * padding), count: height + 2 * padding)
        for y in 0..<height { for x in 0..<width { framed[y + padding][x + padding] = plane[y][x] } }
        let window = framed[draw.top..<draw.top + height].map { row in
            let cut = Array(row[draw.left..<draw.left + width])
            return draw.isFlipped ? cut.reversed() : cut
        }
        return window.flatMap { $0.map { (Double($0) / 255 - mean) / deviation } }
    }

    private func check(
        _ augmentation: Augmentation, channelsLast: Bool, file: StaticString = #filePath, line: UInt = #line
    ) throws {
        // Neither square nor of one channel, so that no two strides are the same.
        let (channels, height, width) = (2, 5, 7)
        let set = try randomDataset([20, channels, height, width])
        let gatherer = BatchGatherer(dataset: set, augmentation: augmentation, channelsLast: channelsLast)
        let examples = [3, 19, 0, 7, 7, 12, 5, 1, 18, 2, 4, 6]
        let batch = gatherer.batch(of: examples[...], epoch: 4, index: 2)
        let draws = augmentation.draws(epoch: 4, batch: 2, count: examples.count)
        let bytes = bytes(of: set.images)
        var expected: [Double] = []
        for (example, draw) in zip(examples, draws) {
            for channel in 0..<channels {
                let start = (example * channels + channel) * height * width
                let plane = (0..<height).map { Array(bytes[start + $0 * width..<start + ($0 + 1) * width]) }
                expected += slow(
                    plane, draw, padding: augmentation.cropPadding, mean: Double(set.normalization.mean[channel]),
                    deviation: Double(set.normalization.standardDeviation[channel]))
            }
        }
        XCTAssertEqual(batch.images.shape, [12, channels, height, width], file: file, line: line)
        XCTAssertEqual(batch.images.dtype, .float32, file: file, line: line)
        assertClose(batch.images, expected, rtol: 1e-6, atol: 1e-6, "\(augmentation)", file: file, line: line)
        let labels = set.labels.scalars(as: Int.self)
        XCTAssertEqual(batch.labels.scalars(as: Int.self), examples.map { labels[$0] }, file: file, line: line)
        XCTAssertEqual(
            batch.images.strides,
            channelsLast ? [70, 1, 14, 2] : [70, 35, 7, 1], file: file, line: line)
    }

    func testAgainstASlowComputation() throws {
        for channelsLast in [false, true] {
            try check(.none, channelsLast: channelsLast)
            try check(Augmentation(cropPadding: 2, seed: 1), channelsLast: channelsLast)
            try check(Augmentation(flipsHorizontally: true, seed: 2), channelsLast: channelsLast)
            try check(Augmentation(cropPadding: 1, flipsHorizontally: true, seed: 3), channelsLast: channelsLast)
            try check(Augmentation(cropPadding: 5, flipsHorizontally: true, seed: 4), channelsLast: channelsLast)
        }
    }

    func testGreyChannelsLastHasItsStrides() throws {
        let gatherer = BatchGatherer(
            dataset: try randomDataset([4, 1, 5, 6]), augmentation: .none, channelsLast: true)
        // torch tells the two layouts of one channel apart by its stride.
        XCTAssertEqual(gatherer.batch(of: [0, 1], epoch: 0, index: 0).images.strides, [30, 1, 6, 1])
    }

    func testDrawsCoverTheirRanges() {
        let draws = Augmentation(cropPadding: 2, flipsHorizontally: true).draws(epoch: 0, batch: 0, count: 1000)
        XCTAssertEqual(Set(draws.map(\.top)), Set(0...4))
        XCTAssertEqual(Set(draws.map(\.left)), Set(0...4))
        // 500 expected, deviation 16.
        XCTAssertEqual(Double(draws.count { $0.isFlipped }), 500, accuracy: 80)
        XCTAssertNotEqual(draws.map(\.top), draws.map(\.left))
    }

    func testDrawsDependOnSeedEpochAndBatch() {
        func draws(_ seed: UInt64, _ epoch: Int, _ batch: Int) -> [Augmentation.Draw] {
            Augmentation(cropPadding: 3, flipsHorizontally: true, seed: seed)
                .draws(epoch: epoch, batch: batch, count: 30)
        }
        XCTAssertEqual(draws(1, 2, 3), draws(1, 2, 3))
        XCTAssertNotEqual(draws(1, 2, 3), draws(0, 2, 3))
        XCTAssertNotEqual(draws(1, 2, 3), draws(1, 3, 3))
        XCTAssertNotEqual(draws(1, 2, 3), draws(1, 2, 4))
    }

    func testWithoutVariationNothingMoves() {
        XCTAssertEqual(
            Augmentation.none.draws(epoch: 1, batch: 1, count: 3), [Augmentation.Draw](repeating: .init(), count: 3))
    }
}
