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

extension AugmentationSettings: CustomStringConvertible {
    /// As `--augment` takes it.
    public var description: String {
        let words = [crops ? "crop" : nil, flips ? "flip" : nil].compactMap(\.self)
        return words.isEmpty ? "none" : words.joined(separator: ",")
    }

    /// From such a text.
    init?(text: String) {
        self.init()
        for word in text == "none" ? [] : text.split(separator: ",", omittingEmptySubsequences: false) {
            switch word {
            case "crop": crops = true
            case "flip": flips = true
            default: return nil
            }
        }
    }
}
