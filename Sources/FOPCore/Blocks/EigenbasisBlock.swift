import TorchCore

/// EKFAC (George et al. 2018): F = (U_G (x) U_A) diag(S) (U_G (x) U_A)^T, where U_A and U_G are the eigenvectors of the
/// Kronecker factors' moving averages and S are the second moments of the examples' own gradients in that basis, with a
/// moving average of their own. The damping lambda is added to S, so that M = F + lambda I, not split over factors.
///
/// S begins as the products of the factors' eigenvalues, which is K-FAC's F, and then follows what is observed, at
/// every update of the factors. When the eigenbasis is computed anew S becomes the diagonal of F in the new one. The
/// observed moments are those of the whole gradient of each example also where positions are merged for the factors.
///
/// Costs what Kronecker factors cost, with a decomposition, which takes longer, in the place of an inversion, and one
/// more number per parameter. Factors above `maximumSize` are block-diagonal, and so are their eigenvectors.
public final class EigenbasisBlock: GeometricBlock {
    public let geometry: any LayerGeometry
    private let weightSharing: WeightSharing
    private let maximumSize: Int

    private var factors: SplitFactors
    private var inputBasis, outputBasis: BlockDiagonal?
    private var S = MovingAverage()
    private var damping: Tensor?
    private var squares = SquaredGradients()

    /// - Parameter maximumSize: the largest dimension of an eigenvector, 1 or more.
    public init(_ geometry: any LayerGeometry, weightSharing: WeightSharing = .expand, maximumSize: Int = .max) {
        Swift.precondition(maximumSize >= 1, "blocks of \(maximumSize) dimensions: use 1 or more")
        self.geometry = geometry
        self.weightSharing = weightSharing
        self.maximumSize = maximumSize
        factors = SplitFactors(geometry, weightSharing: weightSharing, maximumSize: maximumSize)
    }

    /// The moving average of the second moments, (groups x) o x i.
    public var secondMoments: Tensor? { S.value }

    public var isReady: Bool { inputBasis != nil && S.value != nil }

    // MARK: Gathering

    public func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) {
        geometry.factorSize(record, weightSharing, maximum: maximumSize)
    }

    public func accumulate(_ record: LayerRecord, as use: RecordUse) {
        let inputs = geometry.fullInputRows(record)
        let outputs = geometry.outputRows(record).toFactorPrecision()
        factors.accumulate(inputs: inputs, outputs: outputs, of: record, as: use)
        guard let inputBasis, let outputBasis else { return }
        squares.accumulate(inputs: rotated(inputs, inputBasis), outputs: rotated(outputs, outputBasis), as: use)
    }

    /// Rows (groups x) N x T x columns in the coordinates of a basis.
    private func rotated(_ rows: Tensor, _ basis: BlockDiagonal) -> Tensor {
        basis.timesFromRight(rows.reshaped(geometry.batch + [-1, rows.size(-1)])).reshaped(rows.shape)
    }

    public func takeStatistics(gradientScale: Double) -> [Tensor] {
        factors.take(gradientScale: gradientScale) + [squares.take(gradientScale: gradientScale)].compactMap { $0 }
    }

    /// The factors' blocks, and the second moments once there is a basis.
    public var statisticsShapes: [[Int]] { factors.sizes + (inputBasis == nil ? [] : [shape]) }

    public func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor) {
        let count = factors.counts.input + factors.counts.output
        factors.update(with: Array(statistics.prefix(count)), decay: decay, isFinite: isFinite)
        guard statistics.count > count else { return }
        S.update(with: statistics[count], decay: decay, isFinite: isFinite)
    }

    // MARK: The basis

    public func updateInverse(damping: Double) -> [InverseOutcome] {
        guard let (A, G) = factors.averages else { return [] }
        let input = A.blocks.map(robustEigenbasis)
        let output = G.blocks.map(robustEigenbasis)
        self.damping = Tensor.full([], damping, dtype: A.blocks[0].dtype, device: A.blocks[0].device)
        let found = (input + output).compactMap { $0 }
        guard found.count == input.count + output.count else { return keepBasis(input, output) }
        let newInput = BlockDiagonal(found.prefix(input.count).map(\.vectors))
        let newOutput = BlockDiagonal(found.suffix(output.count).map(\.vectors))
        if let inputBasis, let outputBasis, let S = S.value {
            self.S = MovingAverage(
                moved(S, fromInput: inputBasis, output: outputBasis, toInput: newInput, output: newOutput))
        } else {
            let values = concatenated(found.suffix(output.count).map(\.values))
            let products = values.unsqueezed(-1) * concatenated(found.prefix(input.count).map(\.values)).unsqueezed(-2)
            S = MovingAverage(products)
        }
        (inputBasis, outputBasis) = (newInput, newOutput)
        return found.map(\.outcome)
    }

    /// The diagonal, in a new basis, of what is diagonal in the old one: with R = U_new^T U_old of each factor,
    /// (R_G o R_G) S (R_A o R_A)^T. Its sum stays, and signs and order of the eigenvectors do not matter.
    private func moved(
        _ S: Tensor, fromInput oldInput: BlockDiagonal, output oldOutput: BlockDiagonal, toInput newInput: BlockDiagonal,
        output newOutput: BlockDiagonal
    ) -> Tensor {
        func squaredRotation(_ new: BlockDiagonal, _ old: BlockDiagonal) -> BlockDiagonal {
            BlockDiagonal(zip(new.blocks, old.blocks).map { $0.transposed().matmul($1).squared() })
        }
        let byOutput = squaredRotation(newOutput, oldOutput).times(S)
        return squaredRotation(newInput, oldInput).mapped { $0.transposed() }.timesFromRight(byOutput).contiguous()
    }

    /// A factor that cannot be decomposed: the last basis stays, and before the first one the coordinates themselves.
    private func keepBasis(
        _ input: [(values: Tensor, vectors: Tensor, outcome: InverseOutcome)?],
        _ output: [(values: Tensor, vectors: Tensor, outcome: InverseOutcome)?]
    ) -> [InverseOutcome] {
        if inputBasis == nil, let (A, G) = factors.averages {
            inputBasis = A.mapped(identity)
            outputBasis = G.mapped(identity)
            S = MovingAverage(G.diagonal.unsqueezed(-1) * A.diagonal.unsqueezed(-2))
        }
        return (input + output).map { $0?.outcome ?? .kept }
    }

    private func identity(like matrix: Tensor) -> Tensor {
        let one = Tensor.identity(matrix.size(-1), dtype: matrix.dtype, device: matrix.device)
        return one.expanded(matrix.shape).contiguous()
    }

    // MARK: Products

    public var takesStacks: Bool { true }

    public func fisherProduct(_ matrix: Tensor) -> Tensor { inBasis(matrix) { $0 * $1 } }

    public func dampedProduct(_ matrix: Tensor) -> Tensor {
        guard let damping else { return matrix }
        return inBasis(matrix) { $0 * damped($1, damping) }
    }

    public func precondition(_ matrix: Tensor) -> Tensor {
        guard let damping else { return matrix }
        return inBasis(matrix) { $0 * finiteReciprocal(damped($1, damping)) }
    }

    /// S + lambda, kept above what rounding leaves of the largest in the place of a 0.
    private func damped(_ S: Tensor, _ damping: Tensor) -> Tensor {
        let sum = S + damping
        let largest = sum.max(-1, keepingDimensions: true).values.max(-2, keepingDimensions: true).values
        return sum.maximum(largest * (sum.dtype == .float64 ? 1e-14 : 1e-6))
    }

    /// U_G change(U_G^T V U_A, S) U_A^T
    private func inBasis(_ matrix: Tensor, _ change: (_ rotated: Tensor, _ S: Tensor) -> Tensor) -> Tensor {
        guard let inputBasis, let outputBasis, let S = S.value else { return matrix }
        func transposed(_ basis: BlockDiagonal) -> BlockDiagonal { basis.mapped { $0.transposed() } }
        let rotated = inputBasis.timesFromRight(transposed(outputBasis).times(matrix))
        return transposed(inputBasis).timesFromRight(outputBasis.times(change(rotated, S)))
    }

    // MARK: State

    public var factorShapes: [[Int]] { factors.sizes + [shape] }

    public var state: [String: Tensor] {
        var state = factors.state
        if let inputBasis, let outputBasis {
            state.merge(named("input_basis", inputBasis.blocks)) { one, _ in one }
            state.merge(named("output_basis", outputBasis.blocks)) { one, _ in one }
        }
        state["second_moments"] = S.value
        state["damping"] = damping
        return state
    }

    public var stateShapes: [String: [Int]] {
        var shapes = factors.shapes
        shapes.merge(factors.namedShapes("input_basis", "output_basis")) { one, _ in one }
        shapes["second_moments"] = shape
        shapes["damping"] = []
        return shapes
    }

    public func load(_ state: [String: Tensor]) {
        factors.load(state)
        inputBasis = BlockDiagonal(saved: state, "input_basis", count: factors.counts.input)
        outputBasis = BlockDiagonal(saved: state, "output_basis", count: factors.counts.output)
        S = MovingAverage(state["second_moments"]?.cloned())
        damping = state["damping"]?.cloned()
        squares = SquaredGradients()
    }
}
