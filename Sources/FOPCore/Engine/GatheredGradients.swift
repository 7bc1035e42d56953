import TorchCore

/// The gradient sums of one block since the last step, by micro-batch and sub-batch.
struct GatheredGradients {
    private struct MicroBatch {
        let id: Int
        let ranges: [Int]
        var sums: [Tensor]
    }

    private var microBatches: [MicroBatch] = []

    /// How many examples were gathered.
    var examples: Int { microBatches.reduce(0) { $0 + $1.ranges.reduce(0, +) } }

    var isEmpty: Bool { microBatches.isEmpty }

    /// Whether the micro-batch has already been seen: the layer was called before in this pass.
    func contains(microBatch id: Int) -> Bool { microBatches.last?.id == id }

    /// Adds the sums of a micro-batch's parts; `examples` are the parts' sizes.
    mutating func add(_ sums: [Tensor], examples: [Int], microBatch id: Int) {
        if let last = microBatches.indices.last, microBatches[last].id == id {
            microBatches[last].sums = zip(microBatches[last].sums, sums).map { $0 + $1 }
        } else {
            microBatches.append(MicroBatch(id: id, ranges: examples, sums: sums))
        }
    }

    /// The mean gradient of each sub-batch: the parts of a single micro-batch, else consecutive micro-batches
    /// (section 4 of the algorithm).
    func subBatchMeans(parts: Int, reduction: LossReduction) -> [Tensor] {
        let total = Double(examples)
        func mean(_ sums: [Tensor], _ examples: Int) -> Tensor {
            let sum = sums.dropFirst().reduce(sums[0]) { $0 + $1 }
            return sum * (reduction == .mean ? total / Double(examples) : 1 / Double(examples))
        }
        if microBatches.count == 1 {
            let only = microBatches[0]
            return zip(only.sums, only.ranges).map { mean([$0], $1) }
        }
        return subBatchRanges(microBatches.count, parts: min(parts, microBatches.count)).map { range in
            let members = microBatches[range]
            return mean(members.flatMap(\.sums), members.reduce(0) { $0 + $1.ranges.reduce(0, +) })
        }
    }
}
