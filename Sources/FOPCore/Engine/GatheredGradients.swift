import TorchCore

/// The gradient sums of one block since the last step, by micro-batch and sub-batch.
struct GatheredGradients {
    /// What belongs together: a micro-batch in parts, or what its parts were added to; or several in one sum.
    private struct Portion {
        var examples: [Int]
        var sums: [Tensor]
        var microBatches = 1

        var total: Int { examples.reduce(0, +) }
    }

    private let parts: Int
    private let split: SubBatchSplit
    private var portions: [Portion] = []
    private var last: GatheringPass?
    /// A pass whose last part is what its total leaves: the sums of the others.
    private var unfinished: (sums: [Tensor], parts: [SubBatchPart], pass: GatheringPass)?

    /// - Parameter parts: how many sub-batches there are to be.
    init(parts: Int, split: SubBatchSplit) {
        self.parts = parts
        self.split = split
    }

    /// How many examples were gathered.
    var examples: Int { portions.reduce(0) { $0 + $1.total } }

    var isEmpty: Bool { portions.isEmpty }

    /// The consecutive examples of a record whose sums ``add(_:parts:pass:)`` wants to have apart.
    func parts(examples: Int, pass: GatheringPass) -> [SubBatchPart] {
        let isSplit =
            switch split {
            case .example: true
            // Later micro-batches are sub-batches themselves and need no splitting.
            case .automatic: pass.microBatch == 0
            case .microBatch, .process: false
            }
        guard isSplit else { return [SubBatchPart(index: 0, range: 0..<examples)] }
        guard let slice = pass.slice else {
            return subBatchRanges(examples, parts: min(parts, examples)).enumerated().map {
                SubBatchPart(index: $0, range: $1)
            }
        }
        return slice.parts(count: parts, examples: examples)
    }

    /// Takes a gradient of which no sub-batches are known.
    init(whole total: Tensor, examples: Int) {
        self.init(parts: 1, split: .example)
        portions = [Portion(examples: [examples], sums: [total])]
    }

    /// Adds the sums of a record's parts.
    mutating func add(_ sums: [Tensor], parts: [SubBatchPart], pass: GatheringPass) {
        defer { last = pass }
        let isSameMicroBatch = last?.microBatch == pass.microBatch
        if portions.isEmpty || !(isSameMicroBatch || split == .example) {
            portions.append(Portion(examples: [], sums: []))
            joinFirst()
        }
        let place = portions.count - 1
        for (part, sum) in zip(parts, sums) {
            guard part.index < portions[place].sums.count else {
                portions[place].sums.append(sum)
                portions[place].examples.append(part.range.count)
                continue
            }
            portions[place].sums[part.index] = portions[place].sums[part.index] + sum
            // A layer that is called twice in one pass sees the same examples twice.
            if last != pass { portions[place].examples[part.index] += part.range.count }
        }
    }

    private var microBatches: Int { portions.reduce(0) { $0 + $1.microBatches } }

    /// The sub-batches as ranges of micro-batches.
    private var microBatchRanges: [Range<Int>] { subBatchRanges(microBatches, parts: min(parts, microBatches)) }

    /// Adds up the micro-batches that belong to the first sub-batch however many follow: its end only moves on. Those
    /// after it have to wait until their number is known.
    private mutating func joinFirst() {
        guard portions.count > 1 else { return }
        let end = split == .process ? microBatches - 1 : microBatchRanges[0].upperBound
        let count = end - portions[0].microBatches + 1
        guard count > 1 || portions[0].sums.count > 1 else { return }
        let members = portions[..<count]
        let joined = Portion(
            examples: [members.reduce(0) { $0 + $1.total }], sums: [added(members.flatMap(\.sums))], microBatches: end)
        portions.replaceSubrange(..<count, with: [joined])
    }

    private func added(_ sums: [Tensor]) -> Tensor { sums.dropFirst().reduce(sums[0]) { $0 + $1 } }

    // MARK: Passes whose total comes from elsewhere

    /// The same as ``add(_:parts:pass:)`` without the sum of the last part, which follows from the total.
    mutating func begin(_ sums: [Tensor], parts: [SubBatchPart], pass: GatheringPass) {
        guard var open = unfinished, open.pass == pass else {
            unfinished = (sums, parts, pass)
            return
        }
        // A layer that is called twice in one pass sees the same examples twice.
        for (part, sum) in sums.enumerated() {
            if part < open.sums.count { open.sums[part] = open.sums[part] + sum } else { open.sums.append(sum) }
        }
        if parts.count > open.parts.count { open.parts = parts }
        unfinished = open
    }

    /// Ends what ``begin(_:parts:pass:)`` began.
    mutating func complete(total: Tensor) {
        guard let (sums, parts, pass) = unfinished else { return }
        unfinished = nil
        // A copy: the total's memory is its owner's, who goes on adding to it.
        let last = sums.isEmpty ? total.cloned() : sums.reduce(total) { $0 - $1 }
        add(sums + [last], parts: parts, pass: pass)
    }

    /// Whether every pass that began was completed.
    var isComplete: Bool { unfinished == nil }

    /// The sum over everything gathered, as back-propagation gave it.
    var total: Tensor? {
        let sums = portions.flatMap(\.sums)
        return sums.first.map { sums.dropFirst().reduce($0) { $0 + $1 } }
    }

    /// Multiplies everything gathered by a number.
    mutating func scale(by factor: Tensor) {
        for index in portions.indices { portions[index].sums = portions[index].sums.map { $0 * factor.to($0.dtype) } }
    }

    /// The mean gradient of each sub-batch: the parts of a single micro-batch, else consecutive micro-batches
    /// (section 4 of the algorithm).
    /// - Parameter lossScale: what the loss was multiplied with.
    func subBatchMeans(reduction: LossReduction, lossScale: Double) -> [ScaledTensor] {
        let total = reduction == .mean ? Double(examples) : 1
        return subBatches.map { ScaledTensor($0.sum, factor: total / (Double($0.examples) * lossScale)) }
    }

    /// The same about another mean: what has become of the gradient since it was gathered (unscaled, clipped, averaged
    /// over processes). The sub-batches' deviations from their mean keep their proportion to its norm.
    func subBatchMeans(about mean: Tensor) -> [ScaledTensor] {
        let parts = subBatches
        guard parts.count > 1 else { return [ScaledTensor(mean)] }
        let count = Double(examples)
        let gathered = parts.dropFirst().reduce(parts[0].sum) { $0 + $1.sum } * (1 / count)
        let ratio = relativeQuotient(mean.norm(), gathered.norm(), terms: [gathered.norm()])
        return parts.map { ScaledTensor(mean + ($0.sum * (1 / Double($0.examples)) - gathered) * ratio) }
    }

    /// The mean over all examples, of what the other two functions return.
    func batchMean(ofSubBatchMeans means: [Tensor]) -> Tensor {
        let terms = zip(means, subBatches).map { $0 * (Double($1.examples) / Double(examples)) }
        return terms.dropFirst().reduce(terms[0]) { $0 + $1 }
    }

    private var subBatches: [(sum: Tensor, examples: Int)] {
        if split == .process { return [(added(portions.flatMap(\.sums)), examples)] }
        if portions.count == 1 { return zip(portions[0].sums, portions[0].examples).map { ($0, $1) } }
        var rest = portions[...]
        return microBatchRanges.map { range in
            var members: [Portion] = []
            while let next = rest.first, members.reduce(next.microBatches, { $0 + $1.microBatches }) <= range.count {
                members.append(next)
                rest.removeFirst()
            }
            return (added(members.flatMap(\.sums)), members.reduce(0) { $0 + $1.total })
        }
    }
}

/// A backward pass: which micro-batch it belongs to, and which part of it if that comes in slices.
struct GatheringPass: Equatable {
    var microBatch: Int
    var slice: BatchSlice?
}

/// Examples of a record that belong to one sub-batch.
struct SubBatchPart {
    /// The sub-batch's.
    let index: Int
    let range: Range<Int>
}
