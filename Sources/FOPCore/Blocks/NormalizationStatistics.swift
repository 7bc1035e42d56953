import TorchCore

/// What a normalisation layer subtracts and multiplies with, computed again from its input: for layers that do not tell.
public struct NormalizationStatistics: Sendable {
    private let kind: NormalizationKind
    private let dimensions: Int
    private let groups: Int
    private let epsilon: Double
    private let centers: Bool

    /// - Parameters:
    ///   - dimensions: how many of the last dimensions a layer normalisation is over.
    ///   - groups: of a group normalisation.
    ///   - epsilon: added to the variance.
    ///   - centers: whether the mean is subtracted; RMSNorm does without.
    public init(_ kind: NormalizationKind, dimensions: Int = 1, groups: Int = 1, epsilon: Double, centers: Bool = true) {
        self.kind = kind
        self.dimensions = dimensions
        self.groups = groups
        self.epsilon = epsilon
        self.centers = centers
    }

    /// The statistics of an input, in the shape that ``LayerRecord/normalization`` has for this kind.
    public func of(_ input: Tensor) -> (mean: Tensor, inverseStandardDeviation: Tensor) {
        let input = input.toFactorPrecision()
        let rank = input.rank
        switch kind {
        case .batch: return moments(input, [0] + Array(2..<max(2, rank)), keeping: false)
        case .group: return moments(input.reshaped([input.size(0), groups, -1]), [-1], keeping: false)
        case .layer: return moments(input, Array(rank - dimensions..<rank), keeping: true)
        }
    }

    /// The same of a layer that keeps running ones and uses them: copies, as those go on moving.
    public func ofRunning(
        mean: Tensor, variance: Tensor
    ) -> (mean: Tensor, inverseStandardDeviation: Tensor) {
        (mean.cloned(), inverseStandardDeviation(variance))
    }

    private func inverseStandardDeviation(_ variance: Tensor) -> Tensor {
        variance.adding(epsilon).reciprocalSquareRoot()
    }

    private func moments(
        _ input: Tensor, _ over: [Int], keeping: Bool
    ) -> (mean: Tensor, inverseStandardDeviation: Tensor) {
        guard centers else {
            let square = (input * input).mean(over, keepingDimensions: keeping)
            return (square.zerosLike(), inverseStandardDeviation(square))
        }
        let (variance, mean) = input.varianceAndMean(over, keepingDimensions: keeping)
        return (mean, inverseStandardDeviation(variance))
    }
}
