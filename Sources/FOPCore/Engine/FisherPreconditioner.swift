import TorchCore

/// The optimizer's mathematics for a set of Fisher blocks, from what passes through the layers to the step of every
/// parameter.
///
/// It knows neither layers nor autograd: whoever drives it hands it ``LayerRecord``s during the backward pass (Torch
/// layers by taps, a PyTorch loop by hooks) and applies the directions it returns. It calls dispatcher operators only.
public final class FisherPreconditioner: LayerRecordSink {
    /// How curvature is estimated and the step formed.
    public let configuration: CurvatureConfiguration
    /// The blocks, in the order of their indices.
    public let blocks: [any FisherBlock]

    /// Steps taken, the skipped ones not counted.
    public private(set) var stepCount = 0
    /// How inverses were obtained, counted.
    public private(set) var inverseOutcomes: [InverseOutcome: Int] = [:]
    /// What the last step found for each block.
    public private(set) var lastScalars: [ProjectionScalars] = []

    private let reduction: any ProcessReduction
    private var gathered: [GatheredGradients]
    private var microBatch = -1
    private(set) var stepsSinceFactors: Int?
    private(set) var stepsSinceInverses: Int?
    /// The size of the last batch: with automatic intervals it tells at the start of a step what is due.
    private(set) var lastBatchSize = 0
    private var isFactorStep = true

    /// How many sub-batches a batch is split into.
    private let parts = 2

    public init(
        blocks: [any FisherBlock], configuration: CurvatureConfiguration,
        reduction: any ProcessReduction = SingleProcess()
    ) {
        self.blocks = blocks
        self.configuration = configuration
        self.reduction = reduction
        gathered = blocks.map { _ in GatheredGradients() }
    }

    // MARK: Gathering, during the backward pass

    public func beginMicroBatch() {
        microBatch += 1
        if microBatch == 0 { isFactorStep = isDue(stepsSinceFactors, configuration.factorInterval) }
    }

    public func record(_ record: LayerRecord, block index: Int) {
        let block = blocks[index]
        let isFirstCall = !gathered[index].contains(microBatch: microBatch)
        // Later micro-batches are sub-batches themselves and need no splitting.
        let ranges = subBatchRanges(record.examples, parts: microBatch == 0 ? min(parts, record.examples) : 1)
        let sums = ranges.map { range in
            ranges.count == 1 ? block.gradient(record) : block.gradient(record.examples(range))
        }
        gathered[index].add(sums, examples: ranges.map(\.count), microBatch: microBatch)
        if isFactorStep || !block.isReady {
            let sample = record.thinned(to: factorExamples(record, block))
            block.accumulate(sample, newExamples: isFirstCall ? sample.examples : 0)
        }
    }

    private func factorExamples(_ record: LayerRecord, _ block: any FisherBlock) -> Int {
        switch configuration.factorExamples {
        case .all: return record.examples
        case .atMost(let count): return count
        case .automatic:
            let size = block.factorSize(record)
            return max(512, 16 * size.dimension / max(size.rowsPerExample, 1))
        }
    }

    /// Whether anything was gathered since the last step.
    public var hasGathered: Bool { gathered.contains { !$0.isEmpty } }

    /// Lets go of what was gathered since the last step.
    public func discard() {
        forgetGathered()
        for block in blocks { _ = block.takeStatistics(gradientScale: 1) }
    }

    // MARK: The step

    /// The direction of each block's parameters, before learning rate and momentum (equation 18), or nil for blocks
    /// that nothing passed through. Lets go of what was gathered.
    /// - Parameters:
    ///   - learningRate: enters the trust region only.
    ///   - othersFinite: whether the loss and the gradients of parameters outside the blocks are finite (a truth value).
    /// - Returns: the directions, and whether everything was finite. Where it was not, the curvature is as it was and
    ///   the directions mean nothing.
    public func directions(
        learningRate: Double, othersFinite: Tensor? = nil
    ) -> (directions: [[Tensor]?], isFinite: Tensor) {
        let active = blocks.indices.filter { !gathered[$0].isEmpty }
        let gradients = subBatchGradients(active)
        let statistics = newStatistics(active)
        let isFinite = allFinite(gradients, statistics, others: othersFinite)
        guard !mustAbandon(isFinite) else {
            forgetGathered()
            return ([[Tensor]?](repeating: nil, count: blocks.count), isFinite)
        }
        updateFactors(statistics, active, isFinite: isFinite)
        updateInverses(active)
        let steps = zip(active, gradients).map { project($1, block: blocks[$0]) }
        let gain = Tensor.stacked(steps.map(\.scalars.gain)).sum()
        let scale = trustRegionScale(gain, learningRate: learningRate)
        var directions = [[Tensor]?](repeating: nil, count: blocks.count)
        for (index, step) in zip(active, steps) {
            directions[index] = blocks[index].unpack(step.direction(scaledBy: scale))
        }
        lastScalars = steps.map(\.scalars)
        lastBatchSize = active.map { gathered[$0].examples }.max() ?? lastBatchSize
        finishStep()
        // Old curvature and new gradients can still give a step beyond the range of the type; its gain tells.
        return (directions, isFinite.logicalAnd(gain.isFinite()))
    }

    /// Stage 1: g1 and g2 of every block (equation 3's inputs).
    private func subBatchGradients(_ active: [Int]) -> [[Tensor]] {
        active.map { index in
            let local = gathered[index].subBatchMeans(parts: parts, reduction: configuration.lossReduction)
            return reduction.subBatchMeans(local, block: index)
        }
    }

    private func newStatistics(_ active: [Int]) -> [[Tensor]] {
        active.map { index in
            let scale = configuration.lossReduction == .mean ? Double(gathered[index].examples) : 1
            let local = blocks[index].takeStatistics(gradientScale: scale)
            return local.isEmpty ? [] : reduction.meanStatistics(local, block: index)
        }
    }

    private func allFinite(_ gradients: [[Tensor]], _ statistics: [[Tensor]], others: Tensor?) -> Tensor {
        // A sum is finite only if its terms are.
        let sums = (gradients + statistics).joined().map { $0.sum().to(.float64) }
        var isFinite = Tensor.stacked(sums).sum().isFinite()
        if let others { isFinite = isFinite.logicalAnd(others) }
        return reduction.allTrue(isFinite)
    }

    /// Stage 2: moving averages, every k-th step; for a layer that is used for the first time, now.
    private func updateFactors(_ statistics: [[Tensor]], _ active: [Int], isFinite: Tensor) {
        for (index, new) in zip(active, statistics) where !new.isEmpty {
            blocks[index].updateAverages(new, decay: configuration.emaDecay, isFinite: isFinite)
        }
        stepsSinceFactors = isFactorStep ? 1 : stepsSinceFactors.map { $0 + 1 }
    }

    /// Stage 3: inverses, every k'-th step; for a layer that is used for the first time, now.
    private func updateInverses(_ active: [Int]) {
        let isDueNow = isDue(stepsSinceInverses, configuration.inverseInterval)
        for index in active where isDueNow || !blocks[index].isReady {
            for outcome in blocks[index].updateInverse(damping: configuration.damping) {
                inverseOutcomes[outcome, default: 0] += 1
            }
        }
        stepsSinceInverses = isDueNow ? 1 : stepsSinceInverses.map { $0 + 1 }
    }

    /// Stage 4: section 3 for one block.
    private func project(_ gradients: [Tensor], block: any FisherBlock) -> ProjectedStep {
        // One example cannot be split: its gradient is both.
        let second = gradients.count > 1 ? gradients[1] : gradients[0]
        return projectFisherOrthogonally(
            gradients[0], second,
            metric: configuration.metric == .fisher ? block.fisherProduct : block.dampedProduct,
            preconditioner: block.precondition, beta: configuration.beta, eta: configuration.eta)
    }

    /// Stage 5: the trust region, min(1, sqrt(kappa / (lr^2 sum <g_avg, d>))).
    private func trustRegionScale(_ gain: Tensor, learningRate: Double) -> Tensor? {
        guard let kappa = configuration.klClip, learningRate != 0 else { return nil }
        // Negative only where a fixed beta leads uphill, or by rounding.
        let scale = (kappa / (gain.absolute() * (learningRate * learningRate))).squareRoot()
        // A gain of 0 gives infinity, which the minimum takes care of.
        return scale.minimum(scale.onesLike())
    }

    /// Whether the step is known to change nothing. Asked where the answer costs nothing (on the CPU) or is waited for
    /// anyway (where curvature is due); elsewhere the updates themselves look at `isFinite`, and the device is not
    /// interrupted.
    private func mustAbandon(_ isFinite: Tensor) -> Bool {
        let isDueNow = isFactorStep || isDue(stepsSinceInverses, configuration.inverseInterval)
        return (isDueNow || isFinite.device.kind == .cpu) && !isFinite.item(as: Bool.self)
    }

    private func finishStep() {
        forgetGathered()
        stepCount += 1
    }

    private func forgetGathered() {
        gathered = blocks.map { _ in GatheredGradients() }
        microBatch = -1
    }

    private func isDue(_ stepsSince: Int?, _ interval: Interval) -> Bool {
        guard let stepsSince else { return true }
        return stepsSince >= interval.steps(batchSize: lastBatchSize)
    }

    // MARK: Saved state

    func resume(stepCount: Int, stepsSinceFactors: Int?, stepsSinceInverses: Int?, lastBatchSize: Int) {
        discard()
        self.stepCount = stepCount
        self.stepsSinceFactors = stepsSinceFactors
        self.stepsSinceInverses = stepsSinceInverses
        self.lastBatchSize = lastBatchSize
    }
}
