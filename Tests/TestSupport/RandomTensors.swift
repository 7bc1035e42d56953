import Torch

/// Normally distributed numbers that depend on the seed alone.
public func randomTensor(
    _ shape: [Int], seed: UInt64 = 0, dtype: DType = .float32, device: Device = .cpu
) -> Tensor {
    let drawn = Tensor.normal(shape, dtype: .float64, generator: Generator(seed: seed))
    return drawn.to(dtype).to(device)
}

/// Whole numbers from `range`, int64, that depend on the seed alone: labels, indices.
public func randomIntegers(_ shape: [Int], in range: Range<Int>, seed: UInt64 = 0) -> Tensor {
    var random = SplitMix(seed: seed)
    let values = (0..<shape.reduce(1, *)).map { _ in Int64(Int.random(in: range, using: &random)) }
    return Tensor(values, shape: shape)
}

/// A small generator for shapes, orders and other choices of a test.
public struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    /// The same seed gives the same numbers.
    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
