import TorchCore

private enum Op {
    static let batchNormBackward = Operator("aten::native_batch_norm_backward")
}

/// What a normalisation normalises over, and so where its scale and shift apply.
public enum NormalizationKind: Equatable, Sendable {
    /// Channels (dimension 1), statistics of the batch: BatchNorm.
    case batch
    /// Channels (dimension 1), statistics of each example's groups of channels: GroupNorm.
    case group
    /// The last dimensions, statistics of each position: LayerNorm and RMSNorm.
    case layer
}

/// Unit-wise blocks for scale and shift: a 2 x 2 Fisher matrix per unit over (weight, bias), damped by lambda I and
/// inverted in closed form. With a weight or a bias alone the matrices are 1 x 1.
///
/// Kept is not the inverse but its root K, with K^T K = (F + lambda I)^-1: the rounded inverse of a matrix that is
/// nearly singular can lead uphill, K^T K cannot.
public final class UnitWiseBlock: FisherBlock {
    private let kind: NormalizationKind
    private let units: Int
    private let parameterShape: [Int]
    private let hasWeight, hasBias: Bool

    private var F = MovingAverage()
    private var inverseRoot: Tensor?
    private var damping: Tensor?
    /// Changes with the curvature.
    private(set) var revision = 0
    private var sum: Tensor?
    private var examples = 0
    private var ones: Tensor?
    /// Each example's own gradient, which further calls of the layer in the same pass add to.
    private var pending: Tensor?

    /// - Parameter parameterShape: the shape of the scale and of the shift.
    public init(_ kind: NormalizationKind, parameterShape: [Int], hasWeight: Bool = true, hasBias: Bool = true) {
        Swift.precondition(hasWeight || hasBias, "a unit-wise block needs a weight or a bias")
        self.kind = kind
        self.parameterShape = parameterShape
        self.hasWeight = hasWeight
        self.hasBias = hasBias
        units = parameterShape.reduce(1, *)
    }

    /// The Fisher matrices' moving average, units x k x k.
    public var fisher: Tensor? { F.value }

    private var width: Int { (hasWeight ? 1 : 0) + (hasBias ? 1 : 0) }

    public var shape: [Int] { [units, width] }

    public var isReady: Bool { inverseRoot != nil }

    public func pack(_ parameters: [Tensor]) -> Tensor {
        Tensor.stacked(parameters.map { $0.rank == 1 ? $0 : $0.reshaped([units]) }, -1)
    }

    public func unpack(_ matrix: Tensor) -> [Tensor] {
        matrix.unstacked(-1).map { parameterShape.count == 1 ? $0 : $0.reshaped(parameterShape) }
    }

    // MARK: Gradients

    public func gradient(_ record: LayerRecord) -> Tensor {
        if kind == .batch, let sums = batchNormSums(record) { return pack(sums).toFactorPrecision() }
        return exampleGradients(record).sum([0])
    }

    /// LibTorch's own kernel for the sums over examples and positions: one pass.
    private func batchNormSums(_ record: LayerRecord) -> [Tensor]? {
        guard let statistics = record.normalization else { return nil }
        let results = callMany(Op.batchNormBackward, results: 3, file: #fileID, line: #line) {
            $0.push(record.outputGradient)
            $0.push(record.input)
            $0.push(unitScale(like: statistics.mean) as Tensor?)
            $0.pushNone()
            $0.pushNone()
            $0.push(statistics.mean as Tensor?)
            $0.push(statistics.inverseStandardDeviation as Tensor?)
            $0.push(true)
            $0.push(0.0)
            $0.push([false, true, true])
        }
        return (hasWeight ? [results[1]] : []) + (hasBias ? [results[2]] : [])
    }

    /// The scale of a normalisation without any.
    private func unitScale(like mean: Tensor) -> Tensor {
        if let ones, ones.dtype == mean.dtype, ones.device == mean.device { return ones }
        let new = Tensor.ones([units], dtype: mean.dtype, device: mean.device)
        ones = new
        return new
    }

    /// N x units x width: each example's own gradient, summed over positions.
    private func exampleGradients(_ record: LayerRecord) -> Tensor {
        let gradient = record.outputGradient.toFactorPrecision()
        var parts: [Tensor] = []
        let sums = positionSum(gradient)
        if hasWeight { parts.append(scaleGradients(record, gradient, sums)) }
        if hasBias { parts.append(sums) }
        return Tensor.stacked(parts, -1)
    }

    /// The sum over positions of g times the normalised input.
    /// - Parameter sums: of g alone.
    private func scaleGradients(_ record: LayerRecord, _ gradient: Tensor, _ sums: Tensor) -> Tensor {
        guard kind == .batch, let (mean, scale) = record.normalization else {
            return positionSum(gradient * normalized(record))
        }
        // One mean and one scale per channel are taken out of the sum, which saves two passes over the whole input.
        let products = positionSum(gradient * record.input.toFactorPrecision())
        return (products - sums * mean.toFactorPrecision()) * scale.toFactorPrecision()
    }

    /// N x … -> N x units.
    private func positionSum(_ tensor: Tensor) -> Tensor {
        let examples = tensor.size(0)
        switch kind {
        case .batch, .group: return tensor.reshaped([examples, units, -1]).sum([-1])
        case .layer: return tensor.reshaped([examples, -1, units]).sum([1])
        }
    }

    private func normalized(_ record: LayerRecord) -> Tensor {
        let input = record.input.toFactorPrecision()
        guard let (mean, scale) = record.normalization else { return input }
        let sizes = input.shape
        let spatial = [Int](repeating: 1, count: max(0, sizes.count - 2))
        func broadcast(_ statistic: Tensor) -> Tensor {
            let statistic = statistic.toFactorPrecision()
            guard kind == .group else { return statistic }
            let groups = statistic.size(1)
            return statistic.unsqueezed(-1).expanded([sizes[0], groups, sizes[1] / groups])
                .reshaped([sizes[0], sizes[1]] + spatial)
        }
        return (input - broadcast(mean)) * broadcast(scale)
    }

    // MARK: Curvature

    public func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) { (1, width) }

    public func accumulate(_ record: LayerRecord, as use: RecordUse) {
        if use != .anotherCall || pending?.size(0) != record.examples { addPending() }
        let gradients = exampleGradients(record)
        pending = pending.map { $0 + gradients } ?? gradients
        examples += use.newExamples(record)
    }

    private func addPending() {
        guard let gradients = pending else { return }
        let products = Tensor.einsum("nui,nuj->uij", [gradients, gradients])
        sum = sum.map { $0 + products } ?? products
        pending = nil
    }

    public func takeStatistics(gradientScale: Double) -> [Tensor] {
        addPending()
        defer {
            sum = nil
            examples = 0
        }
        return sum.map { [$0 * (gradientScale * gradientScale / Double(examples))] } ?? []
    }

    public var statisticsShapes: [[Int]] { [[units, width, width]] }

    public func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor) {
        guard let first = statistics.first else { return }
        revision += 1
        F.update(with: first, decay: decay, isFinite: isFinite)
    }

    public func updateInverse(damping: Double) -> [InverseOutcome] {
        guard let F = F.value else { return [] }
        revision += 1
        self.damping = Tensor.full([], damping, dtype: F.dtype, device: F.device)
        let damped = addingToDiagonal(F.to(.float64), Tensor.full([units], damping, dtype: .float64, device: F.device))
        inverseRoot = (width == 1 ? scalarRoots(damped) : pairRoots(damped)).to(F.dtype)
        return [.cholesky]
    }

    /// 1 / sqrt(x), or 0 for a unit without any gradient so far.
    private func scalarRoots(_ matrices: Tensor) -> Tensor {
        Tensor.select(matrices.isGreater(than: 0), matrices.reciprocalSquareRoot(), matrices.zerosLike())
    }

    /// [a b; b c] = L L^T has L^-1 = [1/l 0; -b/(a r) 1/r] with l = sqrt(a) and r = sqrt(c - b^2/a). Both pivots are
    /// kept above rounding, so that a singular matrix stays finite: with no damping at all that bounds the condition
    /// number at 1e12.
    private func pairRoots(_ matrices: Tensor) -> Tensor {
        let b = matrices.selected(-1, 0).selected(-1, 1)
        let c = matrices.selected(-1, 1).selected(-1, 1)
        let trace = matrices.selected(-1, 0).selected(-1, 0) + c
        let floor = trace * relativeEpsilon
        let a = matrices.selected(-1, 0).selected(-1, 0).maximum(floor)
        let r = (c - b * b / a).maximum(floor).squareRoot()
        let rows = [
            Tensor.stacked([a.reciprocalSquareRoot(), b.zerosLike()], -1),
            Tensor.stacked([-b / (a * r), r.reciprocal()], -1),
        ]
        let roots = Tensor.stacked(rows, -2)
        return Tensor.select(trace.isGreater(than: 0).unsqueezed(-1).unsqueezed(-1), roots, roots.zerosLike())
    }

    // MARK: Products

    public var takesStacks: Bool { true }

    public func fisherProduct(_ matrix: Tensor) -> Tensor { F.value.map { product($0, matrix) } ?? matrix }

    public func dampedProduct(_ matrix: Tensor) -> Tensor {
        guard let F = F.value, let damping else { return matrix }
        return product(F, matrix) + matrix * damping
    }

    public func precondition(_ matrix: Tensor) -> Tensor {
        guard let K = inverseRoot else { return matrix }
        return K.transposed().matmul(K.matmul(matrix.unsqueezed(-1))).squeezed(-1)
    }

    private func product(_ matrices: Tensor, _ vectors: Tensor) -> Tensor {
        matrices.matmul(vectors.unsqueezed(-1)).squeezed(-1)
    }

    /// A block with the units of several, for products only; nil for fewer than two, where one has no curvature yet, or
    /// where they have not equally many parameters per unit.
    /// - Parameter elements: how many elements each of them is to have in V: units without curvature follow its own.
    static func joined(_ blocks: [UnitWiseBlock], elements: [Int]) -> UnitWiseBlock? {
        guard blocks.count > 1, Set(blocks.map(\.width)).count == 1 else { return nil }
        let width = blocks[0].width
        var averages: [Tensor] = []
        var roots: [Tensor] = []
        var dampings: [Tensor] = []
        for (block, count) in zip(blocks, elements) {
            guard let F = block.F.value, let root = block.inverseRoot, let damping = block.damping else { return nil }
            let none = Tensor.zeros([count / width - block.units, width, width], dtype: F.dtype, device: F.device)
            averages += [F, none]
            roots += [root, none]
            dampings.append(damping.expanded([count / width, 1]))
        }
        let joined = UnitWiseBlock(
            blocks[0].kind, parameterShape: [elements.reduce(0, +) / width], hasWeight: blocks[0].hasWeight,
            hasBias: blocks[0].hasBias)
        joined.F = MovingAverage(Tensor.concatenated(averages, 0))
        joined.inverseRoot = Tensor.concatenated(roots, 0)
        joined.damping = Tensor.concatenated(dampings, 0)
        return joined
    }

    // MARK: State

    public var factorShapes: [[Int]] { [[units, width, width]] }

    public var state: [String: Tensor] {
        ["fisher": F.value, "root_of_inverse": inverseRoot, "damping": damping].compactMapValues { $0 }
    }

    public var stateShapes: [String: [Int]] {
        ["fisher": [units, width, width], "root_of_inverse": [units, width, width], "damping": []]
    }

    public func load(_ state: [String: Tensor]) {
        revision += 1
        F = MovingAverage(state["fisher"]?.cloned())
        inverseRoot = state["root_of_inverse"]?.cloned()
        damping = state["damping"]?.cloned()
        sum = nil
        pending = nil
        examples = 0
    }
}
