import TorchCore

/// ``KroneckerBlock`` with factors of at most a certain size: F = G (x) A where larger A and G are block-diagonal.
/// Costs n m numbers for a factor of n dimensions in blocks of m instead of n^2, and n m^2 for its inversion instead of
/// n^3.
///
/// The damping is split by the traces of the whole factors, so that both have one number each.
public final class SplitKroneckerBlock: GeometricBlock {
    public let geometry: any LayerGeometry
    private let weightSharing: WeightSharing
    private let maximumSize: Int

    private var factors: SplitFactors
    private var inverseA, inverseG: BlockDiagonal?
    private var dampingA, dampingG: Tensor?

    /// - Parameter maximumSize: the largest dimension of a block, 1 or more.
    public init(_ geometry: any LayerGeometry, weightSharing: WeightSharing = .expand, maximumSize: Int) {
        Swift.precondition(maximumSize >= 1, "blocks of \(maximumSize) dimensions: use 1 or more")
        self.geometry = geometry
        self.weightSharing = weightSharing
        self.maximumSize = maximumSize
        factors = SplitFactors(geometry, weightSharing: weightSharing, maximumSize: maximumSize)
    }

    public var isReady: Bool { inverseA != nil && inverseG != nil }

    // MARK: Curvature

    public func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) {
        geometry.factorSize(record, weightSharing, maximum: maximumSize)
    }

    public func accumulate(_ record: LayerRecord, as use: RecordUse) {
        factors.accumulate(
            inputs: geometry.fullInputRows(record), outputs: geometry.outputRows(record).toFactorPrecision(), of: record,
            as: use)
    }

    public func takeStatistics(gradientScale: Double) -> [Tensor] { factors.take(gradientScale: gradientScale) }

    public var statisticsShapes: [[Int]] { factors.sizes }

    public func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor) {
        factors.update(with: statistics, decay: decay, isFinite: isFinite)
    }

    public func updateInverse(damping: Double) -> [InverseOutcome] {
        guard let (A, G) = factors.averages else { return [] }
        let split = splitDamping(damping, inputDiagonal: A.diagonal, outputDiagonal: G.diagonal)
        let newA = robustInverses(A, damping: split.input, last: inverseA)
        let newG = robustInverses(G, damping: split.output, last: inverseG)
        (inverseA, inverseG) = (newA.inverse, newG.inverse)
        (dampingA, dampingG) = (split.input, split.output)
        return newA.outcomes + newG.outcomes
    }

    // MARK: Products

    public var takesStacks: Bool { true }

    public func fisherProduct(_ matrix: Tensor) -> Tensor {
        factors.averages.map { A, G in A.timesFromRight(G.times(matrix)) } ?? matrix
    }

    public func dampedProduct(_ matrix: Tensor) -> Tensor {
        guard let (A, G) = factors.averages, let dampingA, let dampingG else { return matrix }
        let damped = G.mapped { addingToDiagonal($0, dampingG) }.times(matrix)
        return A.mapped { addingToDiagonal($0, dampingA) }.timesFromRight(damped)
    }

    public func precondition(_ matrix: Tensor) -> Tensor {
        guard let inverseA, let inverseG else { return matrix }
        return inverseA.timesFromRight(inverseG.times(matrix))
    }

    // MARK: State

    public var factorShapes: [[Int]] { factors.sizes }

    public var state: [String: Tensor] {
        var state = factors.state
        if let inverseA, let inverseG {
            state.merge(named("input_inverse", inverseA.blocks)) { one, _ in one }
            state.merge(named("output_inverse", inverseG.blocks)) { one, _ in one }
        }
        state["input_damping"] = dampingA
        state["output_damping"] = dampingG
        return state
    }

    public var stateShapes: [String: [Int]] {
        var shapes = factors.shapes
        shapes.merge(factors.namedShapes("input_inverse", "output_inverse")) { one, _ in one }
        shapes["input_damping"] = geometry.batch
        shapes["output_damping"] = geometry.batch
        return shapes
    }

    public func load(_ state: [String: Tensor]) {
        factors.load(state)
        inverseA = BlockDiagonal(saved: state, "input_inverse", count: factors.counts.input)
        inverseG = BlockDiagonal(saved: state, "output_inverse", count: factors.counts.output)
        dampingA = state["input_damping"]?.cloned()
        dampingG = state["output_damping"]?.cloned()
    }
}
