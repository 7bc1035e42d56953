/// The generator behind shuffling, augmentation and ``Shapes``: the same numbers on every run, platform and Swift
/// version.
///
/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): a counter that grows by
/// the golden ratio's fraction, mixed. Ranges are drawn by the methods here, since the standard library does not
/// promise its own.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15

    private var state: UInt64

    /// The sequence of a seed, as the reference implementation gives it.
    public init(seed: UInt64) {
        state = seed
    }

    /// A sequence of its own for every `path`, such as (purpose, epoch, batch): draws of one do not move another.
    ///
    /// Each word is xor-ed into the sequence's next number, which becomes the new state; one more number starts the
    /// sequence.
    public init(seed: UInt64, path: [UInt64]) {
        state = path.reduce(seed) { Self.mixed($0 &+ Self.increment) ^ $1 }
        state = Self.mixed(state &+ Self.increment)
    }

    /// 64 random bits.
    public mutating func next() -> UInt64 {
        state &+= Self.increment
        return Self.mixed(state)
    }

    /// A number from 0 up to `bound`, each equally likely (Lemire's multiplication with rejection).
    /// - Precondition: `bound` is positive.
    public mutating func next(below bound: Int) -> Int {
        precondition(bound > 0, "a bound of \(bound): use 1 or more")
        let bound = UInt64(bound)
        // 2^64 mod bound: low parts below it are what would make some numbers likelier.
        let threshold = (0 &- bound) % bound
        while true {
            let (high, low) = bound.multipliedFullWidth(by: next())
            if low >= threshold { return Int(high) }
        }
    }

    /// A number from [0, 1), a multiple of 2^-24.
    public mutating func uniform() -> Float {
        Float(next() >> 40) * 0x1p-24
    }

    /// A number from [`low`, `high`).
    public mutating func uniform(_ low: Float, _ high: Float) -> Float {
        low + (high - low) * uniform()
    }

    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// What a generator's numbers are for: the first word of its path, so that no purpose repeats another's draws.
enum RandomPurpose: UInt64 {
    case permutation = 1
    case augmentation = 2
    case shapes = 3
}
