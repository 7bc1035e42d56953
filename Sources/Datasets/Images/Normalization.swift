import Torch

/// How bytes become numbers: `(byte / 255 - mean) / standardDeviation`, for each channel.
public struct Normalization: Equatable, Sendable {
    /// One for each channel, on the scale where white is 1.
    public let mean: [Float]
    /// One for each channel, on the scale where white is 1.
    public let standardDeviation: [Float]

    /// - Throws: ``DatasetError/invalidValue(name:value:legal:)`` if the counts differ or a deviation is not positive.
    public init(mean: [Float], standardDeviation: [Float]) throws {
        guard !mean.isEmpty, mean.count == standardDeviation.count else {
            throw DatasetError.invalidValue(
                name: "normalization", value: "\(mean.count) means and \(standardDeviation.count) deviations",
                legal: "one of each per channel")
        }
        if let mean = mean.first(where: { !$0.isFinite }) {
            throw DatasetError.invalidValue(name: "mean", value: "\(mean)", legal: "a finite number")
        }
        if let deviation = standardDeviation.first(where: { !($0 > 0 && $0.isFinite) }) {
            throw DatasetError.invalidValue(
                name: "standard deviation", value: "\(deviation)", legal: "a finite number above 0")
        }
        self.mean = mean
        self.standardDeviation = standardDeviation
    }

    /// The mean and deviation of every channel of N x C x H x W bytes. The sums are exact, so the result is the same
    /// everywhere. A channel of one colour gets the deviation 1.
    /// - Throws: ``DatasetError/invalidValue(name:value:legal:)`` if there are no such bytes.
    public init(measuring images: Tensor) throws {
        let shape = images.shape
        guard images.dtype == .uint8, shape.count == 4, images.count > 0 else {
            throw DatasetError.invalidValue(
                name: "images", value: "\(images.dtype) of shape \(shape)", legal: "uint8 of shape N x C x H x W")
        }
        let (channels, area) = (shape[1], shape[2] * shape[3])
        var sums = [Int](repeating: 0, count: channels)
        var squares = sums
        images.to(.cpu).contiguous().withUnsafeBytes { bytes in
            for plane in 0..<shape[0] * channels {
                var (sum, square) = (0, 0)
                for position in plane * area..<(plane + 1) * area {
                    let byte = Int(bytes[position])
                    sum &+= byte
                    square &+= byte &* byte
                }
                sums[plane % channels] += sum
                squares[plane % channels] += square
            }
        }
        let count = Double(shape[0] * area)
        let means = sums.map { Double($0) / count / 255 }
        let deviations = zip(squares, means).map { square, mean in
            max(0, Double(square) / count / (255 * 255) - mean * mean).squareRoot()
        }
        try self.init(mean: means.map { Float($0) }, standardDeviation: deviations.map { $0 > 0 ? Float($0) : 1 })
    }

    /// What each of the 256 bytes becomes: 256 numbers for each channel.
    var table: [Float] {
        zip(mean, standardDeviation).flatMap { mean, deviation in
            (0..<256).map { (Float($0) / 255 - mean) / deviation }
        }
    }
}
