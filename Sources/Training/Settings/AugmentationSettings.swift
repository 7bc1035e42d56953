import Datasets

/// How training images are varied.
public struct AugmentationSettings: Codable, Equatable, Sendable {
    /// Whether a window is cut out of the image in a black frame.
    public var crops: Bool
    /// Whether one image in two is mirrored.
    public var flips: Bool

    /// Nothing by default.
    public init(crops: Bool = false, flips: Bool = false) {
        self.crops = crops
        self.flips = flips
    }

    /// How wide the frame is: an eighth of the image's smaller side, 3 pixels for 28, 4 for 32.
    static func frame(smallerSide: Int) -> Int { smallerSide / 8 }

    /// As the loader takes it.
    func augmentation(for dataset: ImageDataset, seed: UInt64) -> Augmentation {
        Augmentation(
            cropPadding: crops ? Self.frame(smallerSide: min(dataset.height, dataset.width)) : 0,
            flipsHorizontally: flips, seed: seed)
    }
}
