import TorchCore

/// What the backward passes since the last step brought: gradient sums by sub-batch, and in the blocks the statistics
/// of their curvature.
final class Gathering {
    /// Assign other ones between steps only.
    var blocks: [any FisherBlock] {
        didSet {
            factorsDue = blocks.map { _ in true }
            forget()
        }
    }
    private let configuration: CurvatureConfiguration
    /// The blocks whose records only tell the sub-batches apart, and whose totals are handed in. Assign other ones between
    /// steps only.
    var totalsFollow: Set<Int>

    /// By block.
    private(set) var gradients: [GatheredGradients] = []
    /// Of which blocks statistics are gathered.
    private(set) var factorsDue: [Bool]
    /// Whether the step has nothing but gradients that no pass brought.
    private(set) var isAssumed = false
    /// What the statistics gathered cost, by block.
    private(set) var statisticsCosts: [Double] = []
    /// Whether sub-batches are told apart where the step itself does not need them. Counts from the next step on.
    var keepsSubBatches = false
    /// What the next records are for.
    var pass = PassKind.gradients { didSet { passNumber += 1 } }

    private var current = GatheringPass(microBatch: -1)
    /// Whether the micro-batch under way has brought any examples.
    private var microBatchHasExamples = false
    /// What the backward pass under way has brought so far.
    private var passHas = (records: false, examples: false)
    private var passNumber = 0
    /// The last pass that brought statistics, by block.
    private var statisticsPass: [Int?] = []
    /// Whether a curvature pass brought statistics, by block.
    private var hasDrawnStatistics: [Bool] = []

    init(blocks: [any FisherBlock], configuration: CurvatureConfiguration, totalsFollow: Set<Int>) {
        self.blocks = blocks
        self.configuration = configuration
        self.totalsFollow = totalsFollow
        factorsDue = blocks.map { _ in true }
        forget()
    }

    /// - Parameters:
    ///   - slice: the part of the micro-batch that comes next; nil for all of it.
    ///   - factorsDue: by block; counts at the first micro-batch of a step.
    func beginMicroBatch(_ slice: BatchSlice?, factorsDue: @autoclosure () -> [Bool]) {
        let isNew = slice.map { $0.range.lowerBound == 0 } ?? true
        // An empty micro-batch leaves its number to the next one.
        let isNext = isNew && (microBatchHasExamples || current.microBatch < 0)
        current = GatheringPass(microBatch: current.microBatch + (isNext ? 1 : 0), slice: slice)
        if isNew { microBatchHasExamples = false }
        passHas = (false, false)
        if current.microBatch == 0, isNew {
            self.factorsDue = factorsDue()
            gradients = blocks.map { _ in noGradients }
        }
        pass = .gradients
    }

    func record(_ record: LayerRecord, block index: Int) {
        passHas.records = true
        // An empty batch, or an expert that got no example: no part in the step.
        guard record.examples > 0, record.input.count > 0 else { return }
        (passHas.examples, microBatchHasExamples) = (true, true)
        let record = record.inOneType()
        switch pass {
        case .gradients:
            addGradients(record, index)
            // Curvature passes come first: a layer that none of them reached takes the empirical Fisher to begin with.
            let isFirstUse = !blocks[index].isReady && !hasDrawnStatistics[index]
            if factorsDue[index] && configuration.fisher == .empirical || isFirstUse {
                addStatistics(record, index, countsExamples: true)
            }
        case .curvature(let countsExamples):
            guard factorsDue[index] || !blocks[index].isReady else { return }
            hasDrawnStatistics[index] = true
            addStatistics(ofExamples(record), index, countsExamples: countsExamples)
        }
    }

    private func addGradients(_ record: LayerRecord, _ index: Int) {
        let parts = gradients[index].parts(examples: record.examples, pass: current)
        let totalFollows = totalsFollow.contains(index)
        let sums = parts.dropLast(totalFollows ? 1 : 0).map { part in
            blocks[index].gradient(parts.count == 1 ? record : record.examples(part.range))
        }
        if totalFollows {
            gradients[index].begin(sums, parts: parts, pass: current)
        } else {
            gradients[index].add(sums, parts: parts, pass: current)
        }
    }

    /// Whether the backward pass under way has come by layers, and brought none of them an example.
    var isPassEmpty: Bool { passHas.records && !passHas.examples }

    /// Hands in the total of a block's pass, as V.
    func complete(_ total: Tensor, block index: Int) { gradients[index].complete(total: total) }

    /// Takes the gradient of a block that nothing was gathered for.
    func assume(_ total: Tensor, examples: Int, block index: Int) {
        // Without a pass there are no new statistics.
        if !hasGradients { isAssumed = true }
        discard(block: index)
        gradients[index] = GatheredGradients(whole: total, examples: examples)
    }

    private func addStatistics(_ record: LayerRecord, _ index: Int, countsExamples: Bool) {
        let sample = sample(record, blocks[index])
        let isFirstCall = statisticsPass[index] != passNumber
        statisticsPass[index] = passNumber
        if configuration.staggersCurvature { statisticsCosts[index] += statisticsCost(sample, of: blocks[index]) }
        blocks[index].accumulate(
            sample, as: !isFirstCall ? .anotherCall : countsExamples ? .newExamples : .sameExamples)
    }

    /// The derivatives of each example's own loss: these passes do not know how many examples the step will have.
    private func ofExamples(_ record: LayerRecord) -> LayerRecord {
        guard configuration.lossReduction == .mean else { return record }
        var own = record
        own.outputGradient = record.outputGradient.toFactorPrecision() * Double(record.examples)
        return own.inOneType()
    }

    /// What makes the derivatives that a block's statistics are made of those of each example's own loss.
    /// - Parameters:
    ///   - lossScale: what the loss was multiplied with.
    ///   - curvaturePassScale: what the curvature passes were.
    func gradientScale(_ index: Int, lossScale: Double, curvaturePassScale: Double) -> Double {
        if hasDrawnStatistics[index] { return 1 / curvaturePassScale }
        return (configuration.lossReduction == .mean ? Double(gradients[index].examples) : 1) / lossScale
    }

    /// The examples that a block's statistics are made of.
    private func sample(_ record: LayerRecord, _ block: any FisherBlock) -> LayerRecord {
        // A slice gives its share.
        func share(_ count: Int) -> Int {
            guard let slice = current.slice else { return count }
            return (count * slice.range.count + slice.batchSize - 1) / slice.batchSize
        }
        switch configuration.factorExamples {
        case .all: return record
        case .atMost(let count): return record.thinned(to: share(count))
        case .automatic:
            let size = block.factorSize(record)
            let needed = FactorExamples.rowsPerDimension * size.dimension / max(size.rowsPerExample, 1)
            let least = FactorExamples.leastForOutputs(batchSize: current.slice?.batchSize ?? record.examples)
            var sample = record.thinned(to: share(max(least, needed)))
            sample.inputExamples = share(max(128, needed))
            return sample
        }
    }

    /// The blocks that gradients came to.
    var active: [Int] { gradients.indices.filter { !gradients[$0].isEmpty } }

    /// Whether statistics of any block are gathered.
    var isFactorStep: Bool { !isAssumed && factorsDue.contains(true) }

    var hasGradients: Bool { gradients.contains { !$0.isEmpty } }

    /// How many examples there were; nil for none.
    var batchSize: Int? { active.map { gradients[$0].examples }.max() }

    var examples: Int { batchSize ?? 0 }

    /// The sum of everything, of each block that has any.
    var totals: [Tensor] { gradients.compactMap(\.total) }

    func scale(by factor: Tensor) {
        for index in gradients.indices { gradients[index].scale(by: factor) }
    }

    /// Lets go of the gradients; the blocks' statistics have been taken.
    func forget() {
        gradients = blocks.map { _ in noGradients }
        statisticsPass = blocks.map { _ in nil }
        statisticsCosts = blocks.map { _ in 0 }
        hasDrawnStatistics = blocks.map { _ in false }
        current = GatheringPass(microBatch: -1)
        microBatchHasExamples = false
        isAssumed = false
    }

    private var noGradients: GatheredGradients {
        // K-FAC takes the mean over all examples: one sum, however they come.
        if configuration.beta == .zero && !keepsSubBatches { return GatheredGradients(parts: 1, split: .example) }
        return GatheredGradients(parts: configuration.subBatches, split: configuration.split)
    }

    /// Lets go of everything that was gathered for one block.
    func discard(block index: Int) {
        gradients[index] = noGradients
        statisticsPass[index] = nil
        statisticsCosts[index] = 0
        hasDrawnStatistics[index] = false
        _ = blocks[index].takeStatistics(gradientScale: 1)
    }

    /// Lets go of everything.
    func discard() {
        forget()
        for block in blocks { _ = block.takeStatistics(gradientScale: 1) }
    }
}
