import Dispatch
import Torch

/// Images of ten simple shapes, made from a seed: a data set that needs no files and no network.
///
/// Position, size, tilt, brightness (either may be the lighter, shape or background) and noise vary. Every image
/// depends on the seed, its part and its number alone: the same bytes on every run and platform, and a smaller set
/// begins a larger one. The classes take turns, so each has the same number of examples, to within one.
public struct Shapes: Sendable {
    /// The name of each class, in the order of the labels.
    public static let classNames = ShapeKind.allCases.map(\.name)

    /// What the images are made from.
    public let seed: UInt64
    /// How many training images there are.
    public let trainCount: Int
    /// How many test images there are.
    public let testCount: Int
    /// Width and height in pixels.
    public let size: Int
    /// 1 for grey, 3 for RGB.
    public let channels: Int

    /// - Parameters:
    ///   - seed: default 0.
    ///   - trainCount: 1 to 10,000,000 (default 10,000).
    ///   - testCount: 1 to 10,000,000 (default 2,000).
    ///   - size: 16 to 256 (default 28).
    ///   - channels: 1 or 3 (default 1).
    /// - Throws: ``DatasetError/invalidValue(name:value:legal:)`` outside those ranges.
    public init(
        seed: UInt64 = 0, trainCount: Int = 10_000, testCount: Int = 2_000, size: Int = 28, channels: Int = 1
    ) throws {
        let counts = 1...10_000_000
        try Self.check("the number of training images", trainCount, counts.contains(trainCount), "1 to 10000000")
        try Self.check("the number of test images", testCount, counts.contains(testCount), "1 to 10000000")
        try Self.check("the size of the images", size, (16...256).contains(size), "16 to 256")
        try Self.check("the number of channels", channels, channels == 1 || channels == 3, "1 (grey) or 3 (RGB)")
        self.seed = seed
        self.trainCount = trainCount
        self.testCount = testCount
        self.size = size
        self.channels = channels
    }

    /// Makes both sets. The test images are normalised as the training images are.
    /// - Throws: ``DatasetError``.
    public func generate() throws -> (train: ImageDataset, test: ImageDataset) {
        TorchRuntime.start()
        let train = try dataset("train", part: 0, count: trainCount, normalization: nil)
        return (train, try dataset("test", part: 1, count: testCount, normalization: train.normalization))
    }

    private func dataset(
        _ name: String, part: UInt64, count: Int, normalization: Normalization?
    ) throws -> ImageDataset {
        let images = Tensor.empty([count, channels, size, size], dtype: .uint8)
        images.withUnsafeBytes { paint($0, part: part, count: count) }
        return try ImageDataset(
            name: "shapes/\(name)", images: images, labels: Tensor((0..<count).map { Int64(Self.label($0)) }),
            classNames: Self.classNames, normalization: normalization)
    }

    private func paint(_ bytes: UnsafeMutableRawBufferPointer, part: UInt64, count: Int) {
        let painter = ShapePainter(size: size, channels: channels)
        let imageSize = channels * size * size
        // Every image has a generator and memory of its own, so the order in which threads take them does not matter.
        nonisolated(unsafe) let pixels = bytes.baseAddress!.assumingMemoryBound(to: UInt8.self)
        let seed = seed
        let chunk = 64
        DispatchQueue.concurrentPerform(iterations: (count + chunk - 1) / chunk) { iteration in
            for index in iteration * chunk..<min((iteration + 1) * chunk, count) {
                var random = SplitMix64(
                    seed: seed, path: [RandomPurpose.shapes.rawValue, part, UInt64(index)])
                painter.paint(ShapeKind(rawValue: Self.label(index))!, into: pixels + index * imageSize, using: &random)
            }
        }
    }

    private static func label(_ index: Int) -> Int { index % ShapeKind.allCases.count }

    private static func check(_ name: String, _ value: Int, _ isLegal: Bool, _ legal: String) throws {
        guard isLegal else { throw DatasetError.invalidValue(name: name, value: "\(value)", legal: legal) }
    }
}
