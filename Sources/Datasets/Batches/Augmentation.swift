/// How training images are varied. Each batch draws from a generator of its own, fixed by seed, epoch and the batch's
/// number, so that a resumed run sees the same images.
public struct Augmentation: Equatable, Sendable {
    /// Images are put into a black frame this wide, and a window of their size is cut out anywhere. 0: no crop.
    public let cropPadding: Int
    /// Whether one image in two is mirrored left to right.
    public let flipsHorizontally: Bool
    /// What the variations are drawn from.
    public let seed: UInt64

    /// - Parameters:
    ///   - cropPadding: 0 to the images' smaller side (default 0); ``DataLoader`` checks it.
    ///   - flipsHorizontally: default false.
    ///   - seed: default 0.
    public init(cropPadding: Int = 0, flipsHorizontally: Bool = false, seed: UInt64 = 0) {
        self.cropPadding = cropPadding
        self.flipsHorizontally = flipsHorizontally
        self.seed = seed
    }

    /// Images as they are: for evaluation.
    public static let none = Augmentation()

    /// How one image is varied.
    struct Draw: Equatable {
        /// The window's upper left corner in the framed image, from 0 to twice the padding.
        var top = 0
        var left = 0
        var isFlipped = false
    }

    /// The variations of a batch's images, in order.
    func draws(epoch: Int, batch: Int, count: Int) -> [Draw] {
        guard cropPadding > 0 || flipsHorizontally else { return Array(repeating: Draw(), count: count) }
        var random = SplitMix64(
            seed: seed,
            path: [RandomPurpose.augmentation.rawValue, UInt64(truncatingIfNeeded: epoch), UInt64(batch)])
        return (0..<count).map { _ in
            var draw = Draw()
            if cropPadding > 0 {
                draw.top = random.next(below: 2 * cropPadding + 1)
                draw.left = random.next(below: 2 * cropPadding + 1)
            }
            if flipsHorizontally { draw.isFlipped = random.next() >> 63 == 1 }
            return draw
        }
    }
}
