import TorchCore

/// The optimizer's mathematics for a set of Fisher blocks, from what passes through the layers to the step of every
/// parameter.
///
/// It knows neither layers nor autograd: whoever drives it hands it ``LayerRecord``s during the backward pass (Torch
/// layers by taps, a PyTorch loop by hooks) and applies the directions it returns. It calls dispatcher operators only.
public final class FisherPreconditioner: LayerRecordSink {
    /// How curvature is estimated and the step formed.
    public private(set) var configuration: CurvatureConfiguration
    /// The blocks, in the order of their indices.
    public private(set) var blocks: [any FisherBlock]

    /// lambda before any schedule; nil goes by the batch size.
    public var damping: Double?
    /// What the loss of the records is multiplied with, for low-precision types: divided out of the gradients, and its
    /// square out of the curvature. The same for all micro-batches of a step.
    public var lossScale = 1.0
    /// The same for ``PassKind/curvature(countsExamples:)`` passes, where it is another.
    public var curvaturePassScale: Double?
    /// Whether the gradient noise scale is measured: two more inner products per layer, and with beta zero the
    /// gradients of the sub-batches, which are not needed otherwise. Counts from the next step on.
    public var measuresNoise = false {
        didSet { gathering.keepsSubBatches = measuresNoise }
    }

    /// The type of factors and gradients, float32 or float64: of interest in a process that has nothing of its own to
    /// share with others.
    public var factorType = DType.float32

    /// How inverses were obtained, counted.
    public private(set) var inverseOutcomes: [InverseOutcome: Int] = [:]

    private(set) var reduction: any ProcessReduction
    private(set) var gathering: Gathering
    var schedule: CurvatureSchedule
    /// The examples of the step that is being taken, of all processes; nil where it is not known.
    private var stepBatchSize: Int?
    var noise = GradientNoiseScale()
    var findings: StepFindings?
    /// The mean gradients of the last step, by block: with adaptive damping only.
    var averages: [Tensor?] = []
    /// How the blocks' gradients lie in one matrix: made at the first step, kept while the blocks are the same.
    var layouts: [LayoutKey: LayerLayout] = [:]
    /// The unit-wise blocks of the last step as one.
    var joinedUnits: JoinedUnits?

    /// - Parameters:
    ///   - blocks: one per layer.
    ///   - reduction: how the inputs of a step are combined over processes. With several of them they are the
    ///     sub-batches, whatever the configuration says.
    ///   - totalsFollow: whether somebody else computes the gradients and hands them to ``complete(_:block:)``. A record
    ///     then costs no more than the gradients of all sub-batches but one.
    public init(
        blocks: [any FisherBlock], configuration: CurvatureConfiguration,
        reduction: any ProcessReduction = SingleProcess(), totalsFollow: Bool = false
    ) {
        var configuration = configuration
        if reduction.processes > 1 { configuration.split = .process }
        self.blocks = blocks
        self.configuration = configuration
        self.reduction = reduction
        damping = configuration.damping
        schedule = CurvatureSchedule(configuration)
        schedule.follow(blocks, insteadOf: [])
        gathering = Gathering(
            blocks: blocks, configuration: configuration, totalsFollow: totalsFollow ? Set(blocks.indices) : [])
    }

    /// Takes the steps from now on together with other processes, which are the sub-batches then.
    public func join(_ reduction: any ProcessReduction) {
        Swift.precondition(!hasGathered, "processes join between steps, and gradients were gathered for the next")
        self.reduction = reduction
        if reduction.processes > 1 { configuration.split = .process }
        gathering.discard()
        gathering = Gathering(
            blocks: blocks, configuration: configuration, totalsFollow: gathering.totalsFollow)
        gathering.keepsSubBatches = measuresNoise
    }

    /// Puts other blocks in the place of these, between steps: when it changes what trains. Blocks that stay keep their
    /// curvature, new ones get theirs when something first passes through them.
    /// - Parameter totalsFollow: the indices of those whose gradients are handed to ``complete(_:block:)``.
    public func replaceBlocks(_ blocks: [any FisherBlock], totalsFollow: Set<Int> = []) {
        Swift.precondition(!hasGathered, "blocks are replaced between steps, and gradients were gathered for the next")
        schedule.follow(blocks, insteadOf: self.blocks)
        self.blocks = blocks
        gathering.blocks = blocks
        gathering.totalsFollow = totalsFollow
        averages = blocks.map { _ in nil }
        findings = nil
        layouts = [:]
        joinedUnits = nil
    }

    /// How many processes take the steps together.
    public var processes: Int { reduction.processes }

    /// Steps taken, the skipped ones not counted.
    public var stepCount: Int { schedule.clock.steps }

    // MARK: Gathering, during the backward pass

    public func beginMicroBatch(_ slice: BatchSlice?) {
        gathering.beginMicroBatch(slice, factorsDue: schedule.factorsDue)
        // The step will put others in their place.
        for (block, isDue) in zip(blocks, zip(schedule.factorsDue, schedule.inversesDue).map { $0 && $1 }) where isDue {
            block.releaseInverse()
        }
    }

    public func beginPass(_ kind: PassKind) { gathering.pass = kind }

    public var wantsCurvaturePasses: Bool { gathering.isFactorStep && configuration.fisher != .empirical }

    public func record(_ record: LayerRecord, block index: Int) { gathering.record(record, block: index) }

    /// Takes in the gradients of a block's parameters, in their own shapes, over all examples of a micro-batch, after
    /// the records of which they are the sum. Only where totals follow.
    public func complete(_ gradients: [Tensor], block index: Int) {
        gathering.complete(blocks[index].pack(gradients).toFactorPrecision(), block: index)
    }

    /// Whether the last backward pass has come by layers and brought none of them an example: nothing of it counts.
    public var isPassEmpty: Bool { gathering.isPassEmpty }

    /// Lets a block without records take part in the next step with a gradient whose sub-batches are not known: they
    /// count as equal, which is K-FAC's step, with the curvature that there is.
    /// - Parameter gradients: the mean gradients of the block's parameters, in their own shapes.
    public func assume(_ gradients: [Tensor], block index: Int) {
        Swift.precondition(blocks[index].isReady, "nothing has passed through this block, so it has no curvature")
        gathering.assume(
            blocks[index].pack(gradients).toFactorPrecision(),
            examples: max(gathering.batchSize ?? schedule.clock.largestBatchSize, 1), block: index)
    }

    /// Whether statistics of any block are gathered in this step.
    public var isFactorStep: Bool { gathering.isFactorStep }

    /// Whether anything was gathered since the last step.
    public var hasGathered: Bool { gathering.hasGradients }

    /// How many examples were gathered since the last step.
    public var gatheredExamples: Int { gathering.examples }

    /// The sum of all gradients gathered since the last step, of each block that has any, as V; without the loss scale.
    public var gatheredGradients: [Tensor] { gathering.totals.map { $0 * (1 / lossScale) } }

    /// The same averaged over processes, of all blocks: zeros where nothing passed through.
    /// - Parameter like: a parameter: says which type and device the zeros have.
    public func meanGatheredGradients(like parameter: Tensor) -> [Tensor] {
        reduction.mean(
            blocks.indices.map { index in
                gathering.gradients[index].total.map { $0 * (1 / lossScale) }
                    ?? Tensor.zeros(blocks[index].shape, dtype: parameter.dtype, device: parameter.device)
                        .toFactorPrecision()
            })
    }

    /// Multiplies the gradients gathered since the last step by a number: clipping.
    public func scaleGradients(by factor: Tensor) { gathering.scale(by: factor) }

    /// Lets go of what was gathered since the last step.
    public func discard() { gathering.discard() }

    /// Lets go of what was gathered for one block.
    public func discard(block index: Int) { gathering.discard(block: index) }

    // MARK: The step

    /// The direction of each block's parameters, before learning rate and momentum (equation 18), or nil for blocks
    /// that nothing passed through. Lets go of what was gathered.
    /// - Parameters:
    ///   - learningRates: one per block: they enter the trust region only.
    ///   - gradients: what the mean gradients of the blocks' parameters have become since they were gathered (unscaled,
    ///     clipped, averaged over processes); blocks without any, or without a total, lose what they gathered. Nil: they
    ///     are what was gathered. With several processes everybody's, of all blocks that have any in any process.
    ///   - othersFinite: whether the loss and the gradients of parameters outside the blocks are finite (a truth value).
    /// - Returns: the directions, and whether everything was finite. Where it was not, the curvature is as it was and
    ///   the directions mean nothing.
    public func directions(
        learningRates: [Double], gradients current: [[Tensor]?]? = nil, othersFinite: Tensor? = nil
    ) -> (directions: [[Tensor]?], isFinite: Tensor) {
        if let current { dropUnusable(current) }
        let (input, gradients) = combinedInput(current, othersFinite)
        let active = gradients.flatMap(\.blocks).sorted()
        let isFinite = input.isFinite
        stepBatchSize = input.examples
        defer { gathering.forget() }
        guard !active.isEmpty, !mustAbandon(isFinite) else {
            return ([[Tensor]?](repeating: nil, count: blocks.count), isFinite)
        }
        updateFactors(active.map { input.statistics[$0] }, active, isFinite: isFinite)
        updateInverses(active)
        let means = stepGradients(gradients)
        let parts = means.map { (blocks: $0.blocks, steps: projected($0)) }
        let gain = weightedGain(parts, learningRates)
        let scale = trustRegionScale(gain)
        var directions = [[Tensor]?](repeating: nil, count: blocks.count)
        for (members, steps) in parts {
            for (index, direction) in zip(members, steps.directions(scaledBy: scale)) {
                directions[index] = blocks[index].unpack(direction)
            }
        }
        measureNoise(gradients, examples: input.examples, isFinite: isFinite)
        keepFindings(parts, means, learningRates: learningRates, scale: scale)
        schedule.advance(
            hasStatistics: !gathering.isAssumed, statisticsCosts: input.statisticsCosts, batchSize: input.examples)
        // Old curvature and new gradients can still give a step beyond the range of the type; its gain tells.
        return (directions, isFinite.logicalAnd(gain.isFinite()))
    }

    /// The same with one learning rate for all.
    public func directions(
        learningRate: Double, othersFinite: Tensor? = nil
    ) -> (directions: [[Tensor]?], isFinite: Tensor) {
        directions(
            learningRates: [Double](repeating: learningRate, count: blocks.count), othersFinite: othersFinite)
    }

    private func dropUnusable(_ current: [[Tensor]?]) {
        for index in blocks.indices where current[index] == nil || !gathering.gradients[index].isComplete {
            gathering.discard(block: index)
        }
    }

    /// Stage 1: the mean gradients of every block's sub-batches (equation 3's inputs) and the new statistics, of all
    /// processes.
    /// - Returns: the gradients apart from everything else.
    private func combinedInput(
        _ current: [[Tensor]?]?, _ othersFinite: Tensor?
    ) -> (input: StepInput, gradients: [BlockGradients]) {
        let own = joined(blocks.indices.map { subBatchGradients($0, current?[$0]) })
        var local = StepInput(
            gradients: [], means: means(current), statistics: blocks.indices.map { newStatistics($0) },
            statisticsCosts: configuration.staggersCurvature ? gathering.statisticsCosts : nil,
            isFinite: Tensor(true), factorType: factorType, examples: gathering.batchSize)
        local.isFinite = allFinite(own, local, others: othersFinite)
        guard reduction.processes > 1 else { return (local, own) }
        local.gradients = byBlock(own)
        let combined = reduction.combine(
            local, blocks: blocks, due: zip(blocks, schedule.factorsDue).map { !$0.isReady || $1 },
            needsDifference: configuration.beta != .zero)
        return (combined, joined(combined.gradients.map { $0.map { ScaledTensor($0) } }))
    }

    /// With several processes: the mean gradients that somebody has averaged over them.
    private func means(_ current: [[Tensor]?]?) -> [Tensor?]? {
        guard reduction.processes > 1, let current else { return nil }
        return zip(blocks, current).map { block, own in own.map { block.pack($0).toFactorPrecision() } }
    }

    private func subBatchGradients(_ index: Int, _ current: [Tensor]?) -> [ScaledTensor] {
        let gathered = gathering.gradients[index]
        guard !gathered.isEmpty else { return [] }
        // This process's own part; its scale is that of the mean's in every process.
        if reduction.processes > 1, current != nil { return gathered.total.map { [ScaledTensor($0)] } ?? [] }
        guard let current else {
            return gathered.subBatchMeans(reduction: configuration.lossReduction, lossScale: lossScale)
        }
        let total = blocks[index].pack(current).toFactorPrecision()
        return gathered.subBatchMeans(
            about: configuration.lossReduction == .mean ? total : total * (1 / Double(gathered.examples)))
    }

    /// What the step is made of: the sub-batches' mean gradients, or without a correction the mean over all examples.
    private func stepGradients(_ means: [BlockGradients]) -> [BlockGradients] {
        let isSplit = means.contains { $0.tensors.rows > 1 }
        guard configuration.beta == .zero, reduction.processes == 1, isSplit else { return means }
        return joined(
            zip(gathering.gradients, byBlock(means)).map { gathered, own in
                own.isEmpty ? [] : [ScaledTensor(gathered.batchMean(ofSubBatchMeans: own))]
            })
    }

    private func newStatistics(_ index: Int) -> [Tensor] {
        guard !gathering.gradients[index].isEmpty else { return [] }
        let scale = gathering.gradientScale(
            index, lossScale: lossScale, curvaturePassScale: curvaturePassScale ?? lossScale)
        return blocks[index].takeStatistics(gradientScale: scale)
    }

    /// Up to so many elements one sum over a copy is cheaper than a sum for each tensor.
    private static let copiedForOneSum = 1 << 18

    private func allFinite(_ gradients: [BlockGradients], _ input: StepInput, others: Tensor?) -> Tensor {
        // A sum is finite only if its terms are.
        let tensors = input.statistics.flatMap { $0 } + (input.means ?? []).compactMap { $0 }
        let isSmall = tensors.reduce(0) { $0 + $1.count } <= Self.copiedForOneSum
        let rest = isSmall && !tensors.isEmpty ? [flattened(tensors).sum()] : tensors.map { $0.sum() }
        let sums = gradients.map { $0.tensors.matrix.sum() } + rest
        let isFinite =
            sums.count == 1 ? sums[0].isFinite()
            : sums.isEmpty ? Tensor(true) : Tensor.stacked(sums.map { $0.to(.float64) }).sum().isFinite()
        return others.map { isFinite.logicalAnd($0) } ?? isFinite
    }

    /// Stage 2: moving averages, of each block every k-th step; for a layer that is used for the first time, now.
    private func updateFactors(_ statistics: [[Tensor]], _ active: [Int], isFinite: Tensor) {
        let inversesDue = schedule.inversesDue
        for (index, new) in zip(active, statistics) where !new.isEmpty {
            // One that was let go of at a step that never came to the block belongs to the averages as they are.
            if !inversesDue[index] { blocks[index].restoreInverse() }
            blocks[index].updateAverages(new, decay: configuration.emaDecay, isFinite: isFinite)
        }
    }

    /// Stage 3: inverses, of each block every k'-th step; for a layer that is used for the first time, now.
    private func updateInverses(_ active: [Int]) {
        let damping = currentDamping
        let isDue = schedule.inversesDue
        for index in active where isDue[index] || !blocks[index].isReady {
            for outcome in blocks[index].updateInverse(damping: damping) {
                inverseOutcomes[outcome, default: 0] += 1
            }
        }
    }

    /// lambda at this step.
    public var currentDamping: Double {
        let damping = damping ?? automaticDamping(batchSize: dampingBatchSize)
        if case .scheduled(let factor) = configuration.dampingPolicy { return damping * factor(schedule.clock.steps) }
        return damping
    }

    /// Of the largest batch, the one of the step that is being taken included.
    private var dampingBatchSize: Int {
        max(schedule.clock.largestBatchSize, stepBatchSize ?? gathering.examples * reduction.processes)
    }

    /// Stage 4: section 3, for all blocks with equally many sub-batches of one type at once.
    private func projected(_ gradients: BlockGradients) -> ProjectedSteps {
        projectFisherOrthogonally(
            gradients.tensors, products: products(gradients), beta: configuration.beta, eta: configuration.eta)
    }

    /// sum lr^2 <g_avg, d>
    private func weightedGain(_ parts: [(blocks: [Int], steps: ProjectedSteps)], _ learningRates: [Double]) -> Tensor {
        let terms = parts.map { members, steps -> Tensor in
            let gain = steps.scalars.gain
            let rates = members.map { learningRates[$0] }
            // One number for all needs no transfer to the device.
            if let rate = rates.first, rates.allSatisfy({ $0 == rate }) { return gain.sum() * (rate * rate) }
            return (gain * Tensor(rates.map { $0 * $0 }).to(gain.dtype).to(gain.device)).sum()
        }
        return terms.count == 1 ? terms[0] : Tensor.stacked(terms).sum()
    }

    /// Stage 5: the trust region, min(1, sqrt(kappa / sum lr^2 <g_avg, d>)).
    private func trustRegionScale(_ gain: Tensor) -> Tensor? {
        guard let kappa = configuration.klClip else { return nil }
        // Negative only where a fixed beta leads uphill, or by rounding.
        let scale = (kappa / gain.absolute()).squareRoot()
        // A gain of 0 gives infinity, which the minimum takes care of.
        return scale.minimum(scale.onesLike())
    }

    /// Whether the step is known to change nothing. Asked where the answer costs nothing (on the CPU) or is waited for
    /// anyway (where curvature is due); elsewhere the updates themselves look at `isFinite`, and the device is not
    /// interrupted.
    private func mustAbandon(_ isFinite: Tensor) -> Bool {
        let isDueNow = gathering.isFactorStep || schedule.inversesDue.contains(true)
        return (isDueNow || isFinite.device.kind == .cpu) && !isFinite.item(as: Bool.self)
    }
}
