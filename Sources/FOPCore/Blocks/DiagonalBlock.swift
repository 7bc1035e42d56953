import TorchCore

/// F = the diagonal matrix of the mean squares of each example's own gradient: exact in what it keeps, for a layer with
/// a weight of any size. As large as the weight itself; nothing is inverted but numbers.
///
/// With several positions per example the statistics form every used example's gradient; set
/// ``CurvatureConfiguration/factorExamples`` to bound that.
public final class DiagonalBlock: GeometricBlock {
    public let geometry: any LayerGeometry

    private var F = MovingAverage()
    private var inverse: Tensor?
    private var damping: Tensor?
    private var squares = SquaredGradients()

    public init(_ geometry: any LayerGeometry) { self.geometry = geometry }

    /// The moving average of the squares, (groups x) o x i.
    public var fisher: Tensor? { F.value }

    public var isReady: Bool { inverse != nil }

    // MARK: Curvature

    public func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) { (1, 1) }

    public func accumulate(_ record: LayerRecord, as use: RecordUse) {
        squares.accumulate(
            inputs: geometry.fullInputRows(record), outputs: geometry.outputRows(record).toFactorPrecision(), as: use)
    }

    public func takeStatistics(gradientScale: Double) -> [Tensor] {
        squares.take(gradientScale: gradientScale).map { [$0] } ?? []
    }

    public var statisticsShapes: [[Int]] { [shape] }

    public func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor) {
        guard let first = statistics.first else { return }
        F.update(with: first, decay: decay, isFinite: isFinite)
    }

    public func updateInverse(damping: Double) -> [InverseOutcome] {
        guard let F = F.value else { return [] }
        self.damping = Tensor.full([], damping, dtype: F.dtype, device: F.device)
        inverse = finiteReciprocal(F + damping)
        return [.cholesky]
    }

    // MARK: Products

    public var takesStacks: Bool { true }

    public func fisherProduct(_ matrix: Tensor) -> Tensor { F.value.map { $0 * matrix } ?? matrix }

    public func dampedProduct(_ matrix: Tensor) -> Tensor {
        guard let F = F.value, let damping else { return matrix }
        return (F + damping) * matrix
    }

    public func precondition(_ matrix: Tensor) -> Tensor { inverse.map { $0 * matrix } ?? matrix }

    // MARK: State

    public var factorShapes: [[Int]] { [shape] }

    public var inversionCost: Double { Double(shape.reduce(1, *)) }

    public var state: [String: Tensor] {
        ["fisher": F.value, "inverse": inverse, "damping": damping].compactMapValues { $0 }
    }

    public var stateShapes: [String: [Int]] { ["fisher": shape, "inverse": shape, "damping": []] }

    public func load(_ state: [String: Tensor]) {
        F = MovingAverage(state["fisher"]?.cloned())
        inverse = state["inverse"]?.cloned()
        damping = state["damping"]?.cloned()
        squares = SquaredGradients()
    }
}

/// 1 / x by element, and 0 where that is not finite: what never had a gradient stays as it is.
func finiteReciprocal(_ numbers: Tensor) -> Tensor {
    let reciprocal = numbers.reciprocal()
    return Tensor.select(reciprocal.isFinite(), reciprocal, reciprocal.zerosLike())
}
