import TorchCore

/// F = G (x) A for a layer with a weight (section 2 of the algorithm): A from the layer's inputs, G from its output
/// gradients. Grouped layers have one pair of factors per group.
public final class KroneckerBlock: GeometricBlock {
    public let geometry: any LayerGeometry
    private let weightSharing: WeightSharing

    private var factors = FactorPair()
    private var sums = KroneckerSums()
    private var merged = MergedPositions()

    public init(_ geometry: any LayerGeometry, weightSharing: WeightSharing = .expand) {
        self.geometry = geometry
        self.weightSharing = weightSharing
    }

    /// The input factor's moving average, (groups x) i x i.
    public var inputFactor: Tensor? { factors.A }
    /// The output factor's moving average, (groups x) o x o.
    public var outputFactor: Tensor? { factors.G }

    public var isReady: Bool { factors.isInverted }

    private var batch: [Int] { geometry.batch }

    // MARK: Curvature

    public func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) {
        geometry.factorSize(record, weightSharing)
    }

    public func accumulate(_ record: LayerRecord, as use: RecordUse) {
        let outputs = geometry.outputRows(record).toFactorPrecision()
        switch weightSharing {
        case .expand:
            let sample = record.inputSample
            let rows = sample.examples * geometry.positions(record)
            let products = geometry.inputProducts(sample)
            sums.add(
                inputs: geometry.hasBias ? withBias(products, sums: geometry.inputSums(sample), rows: rows) : products,
                outputs: squared(outputs.reshaped(batch + [-1, geometry.outputs])), rows: rows,
                newExamples: use.newExamples(record))
        case .reduce:
            if use != .anotherCall || merged.examples != record.examples { addMerged() }
            merged.add(
                inputs: geometry.inputRows(record).toFactorPrecision(), outputs: outputs,
                newExamples: use.newExamples(record))
        }
    }

    /// X^T X of (groups x) rows x columns.
    private func squared(_ rows: Tensor) -> Tensor { rows.transposed().matmul(rows) }

    /// One row per example, once all calls of the layer in a pass are known.
    private func addMerged() {
        guard let merged = merged.take() else { return }
        let rows = merged.inputs.size(-2)
        let products = squared(merged.inputs)
        sums.add(
            inputs: geometry.hasBias ? withBias(products, sums: merged.inputs.sum([-2]), rows: rows) : products,
            outputs: squared(merged.outputs), rows: rows, newExamples: merged.newExamples)
    }

    public func takeStatistics(gradientScale: Double) -> [Tensor] {
        addMerged()
        defer { sums = KroneckerSums() }
        return sums.factors(gradientScale: gradientScale)
    }

    public var statisticsShapes: [[Int]] {
        [geometry.inputs, geometry.outputs].map { batch + [$0, $0] }
    }

    public func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor) {
        factors.update(with: statistics, decay: decay, isFinite: isFinite)
    }

    public func updateInverse(damping: Double) -> [InverseOutcome] {
        factors.invert(damping: damping)
    }

    public func releaseInverse() { factors.releaseInverses() }

    public func restoreInverse() { factors.restoreInverses() }

    // MARK: Products

    public var takesStacks: Bool { true }

    public func fisherProduct(_ matrix: Tensor) -> Tensor {
        guard let (A, G) = factors.averages else { return matrix }
        return G.matmul(matrix).matmul(A)
    }

    public func dampedProduct(_ matrix: Tensor) -> Tensor {
        guard let (A, G) = factors.averages, let damping = factors.damping else { return matrix }
        return addingToDiagonal(G, damping.G).matmul(matrix).matmul(addingToDiagonal(A, damping.A))
    }

    public func precondition(_ matrix: Tensor) -> Tensor {
        restoreInverse()
        guard let (A, G) = factors.inverses else { return matrix }
        return G.matmul(matrix).matmul(A)
    }

    // MARK: State

    public var factorShapes: [[Int]] {
        [batch + [geometry.inputs, geometry.inputs], batch + [geometry.outputs, geometry.outputs]]
    }

    public var state: [String: Tensor] {
        restoreInverse()
        return factors.state
    }

    public var stateShapes: [String: [Int]] {
        FactorPair.stateShapes(input: factorShapes[0], output: factorShapes[1], damping: batch)
    }

    public func load(_ state: [String: Tensor]) {
        factors = FactorPair(state)
        sums = KroneckerSums()
        merged = MergedPositions()
    }
}
