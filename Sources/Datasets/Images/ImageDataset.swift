import Torch

/// Images with a class each, in memory as bytes.
public struct ImageDataset: Sendable {
    /// What the set is called, e.g. "fashion-mnist/train".
    public let name: String
    /// uint8, N x C x H x W, contiguous, on the CPU.
    public let images: Tensor
    /// int64, N, from 0 up to ``classCount``.
    public let labels: Tensor
    /// The name of each class.
    public let classNames: [String]
    /// How ``DataLoader`` makes the bytes numbers.
    public let normalization: Normalization

    /// The number of images.
    public let count: Int
    /// The number of colour channels.
    public let channels: Int
    /// The height of an image in pixels.
    public let height: Int
    /// The width of an image in pixels.
    public let width: Int

    /// The number of classes.
    public var classCount: Int { classNames.count }

    /// Checks that the parts fit together.
    /// - Parameters:
    ///   - images: uint8, N x C x H x W.
    ///   - labels: int64, N, each from 0 up to the number of class names.
    ///   - normalization: nil (the default) measures it on the images.
    ///   - imagesSource: what errors call the images, such as a path; by default the set's name.
    ///   - labelsSource: what errors call the labels; by default the set's name.
    /// - Throws: ``DatasetError`` naming what does not fit.
    public init(
        name: String, images: Tensor, labels: Tensor, classNames: [String], normalization: Normalization? = nil,
        imagesSource: String? = nil, labelsSource: String? = nil
    ) throws {
        let imagesSource = imagesSource ?? "\(name) (images)"
        let labelsSource = labelsSource ?? "\(name) (labels)"
        let shape = images.shape
        guard images.dtype == .uint8, shape.count == 4, images.count > 0 else {
            throw DatasetError.wrongDimensions(
                path: imagesSource, expected: "at least one uint8 image as N x C x H x W", found: shape)
        }
        guard labels.dtype == .int64, labels.shape.count == 1 else {
            throw DatasetError.wrongDimensions(
                path: labelsSource, expected: "int64 labels in one dimension", found: labels.shape)
        }
        guard labels.count == shape[0] else {
            throw DatasetError.countsDiffer(
                images: imagesSource, imageCount: shape[0], labels: labelsSource, labelCount: labels.count)
        }
        let values = labels.scalars(as: Int.self)
        if let position = values.firstIndex(where: { !classNames.indices.contains($0) }) {
            throw DatasetError.labelOutOfRange(
                source: labelsSource, position: position, label: values[position], classCount: classNames.count)
        }
        let normalization = try normalization ?? Normalization(measuring: images)
        guard normalization.mean.count == shape[1] else {
            throw DatasetError.invalidValue(
                name: "normalization of \(name)", value: "for \(normalization.mean.count) channels",
                legal: "one for \(shape[1]), as the images have")
        }
        self.name = name
        self.images = images.to(.cpu).contiguous()
        self.labels = labels.to(.cpu).contiguous()
        self.classNames = classNames
        self.normalization = normalization
        (count, channels, height, width) = (shape[0], shape[1], shape[2], shape[3])
    }

    /// The first `count` examples, sharing this set's memory: for a quick try.
    /// - Throws: ``DatasetError/invalidValue(name:value:legal:)`` outside 1 to the number of examples.
    public func prefix(_ count: Int) throws -> ImageDataset {
        guard (1...self.count).contains(count) else {
            throw DatasetError.invalidValue(
                name: "number of examples of \(name)", value: "\(count)", legal: "1 to \(self.count)")
        }
        return try ImageDataset(
            name: name, images: images.narrowed(0, from: 0, length: count),
            labels: labels.narrowed(0, from: 0, length: count), classNames: classNames, normalization: normalization)
    }
}
