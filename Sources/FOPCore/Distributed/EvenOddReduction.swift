import TorchCore

/// Distributed FOP (section 5 of the algorithm): the processes of even rank are one sub-batch, those of odd rank the
/// other.
///
/// Every process ends up with the same numbers and does the same arithmetic with them, so replicas stay the same bit by
/// bit. One collective call per step, of one vector, whose elements are
///
/// | | elements |
/// |---|---|
/// | the difference of the two groups' mean gradients: each process adds its own times 1/n_even or -1/n_odd | P |
/// | their mean, where nobody has averaged it already (`DistributedDataParallel` has) | P |
/// | the new statistics, at steps that update factors | sum of i^2 + o^2 |
/// | flags, counts and inner products; where curvature is staggered, what it costs | 2 + 3 per block; 1 more |
///
/// for P preconditioned parameters; K-FAC needs no difference. An all-reduce in a ring of n processes sends
/// 2 (n - 1) / n times that from each.
///
/// Each process counts the same, whatever the number of its examples, as with `DistributedDataParallel`.
public final class EvenOddReduction: ProcessReduction {
    private let group: any ProcessGroup
    /// How many elements this process has handed to the group so far.
    public private(set) var elementsSent = 0

    /// - Parameter group: at least two processes.
    public init(_ group: any ProcessGroup) {
        Swift.precondition(group.size > 1, "one process alone has no even and odd ranks: use SingleProcess")
        self.group = group
    }

    public var processes: Int { group.size }

    private var evenCount: Int { (group.size + 1) / 2 }
    private var oddCount: Int { group.size / 2 }
    /// This process's share in the difference of the group means.
    private var differenceShare: Double { group.rank % 2 == 0 ? 1 / Double(evenCount) : -1 / Double(oddCount) }

    public func combine(
        _ local: StepInput, blocks: [any FisherBlock], due: [Bool], needsDifference: Bool
    ) -> StepInput {
        let known = (local.gradients + local.statistics).flatMap { $0 } + (local.means ?? []).compactMap { $0 }
        let device = known.first?.device ?? local.isFinite.device
        let hasMeans = local.means != nil
        func zeros(_ shape: [Int]) -> Tensor {
            Tensor.zeros(shape, dtype: known.first?.dtype == .float64 ? .float64 : local.factorType, device: device)
        }
        func gradient(_ index: Int) -> Tensor {
            Swift.precondition(local.gradients[index].count < 2, "with several processes the split is .process")
            return local.gradients[index].first ?? zeros(blocks[index].shape)
        }
        func mean(_ index: Int) -> Tensor { local.means?[index] ?? zeros(blocks[index].shape) }

        var message = FlatMessage()
        message.append(header(local, due: due, device: device))
        for index in blocks.indices where needsDifference && hasMeans {
            message.append(mean(index).inner(gradient(index)) * (1 / Double(group.size)))
        }
        for index in blocks.indices where needsDifference { message.append(gradient(index) * differenceShare) }
        for index in blocks.indices where !hasMeans { message.append(gradient(index) * (1 / Double(group.size))) }
        for index in blocks.indices where due[index] {
            for (place, shape) in blocks[index].statisticsShapes.enumerated() {
                message.append(local.statistics[index].isEmpty ? zeros(shape) : local.statistics[index][place])
            }
        }
        elementsSent += message.count

        var reader = message.summed(over: group, device: device)
        let header = Header(
            reader.next([2 + (local.statisticsCosts == nil ? 2 : 3) * blocks.count]), blocks: blocks.count)
        let overlaps = blocks.indices.map { _ in needsDifference && hasMeans ? reader.next([]) : nil }
        let differences = blocks.indices.map { needsDifference ? reader.next(blocks[$0].shape) : nil }
        let means = blocks.indices.map { hasMeans ? mean($0) : reader.next(blocks[$0].shape) }
        var combined = local
        for index in blocks.indices {
            let isActive = !local.gradients[index].isEmpty || header.isUsed(index)
            combined.gradients[index] =
                isActive ? groupMeans(means[index], difference: differences[index], overlap: overlaps[index]) : []
            combined.statistics[index] = []
            guard due[index] else { continue }
            let sums = blocks[index].statisticsShapes.map { reader.next($0) }
            guard !local.statistics[index].isEmpty || header.hasStatistics(index) else { continue }
            combined.statistics[index] = sums.map { $0 / header.statisticsCount(index) }
        }
        combined.means = nil
        combined.isFinite = header.allFinite.logicalAnd(reader.sums.sum().isFinite())
        // Read where the device is waited for anyway: else the host would be held up at every step.
        let canRead = device.kind == .cpu || due.contains(true)
        combined.examples = canRead ? header.examples : nil
        if local.statisticsCosts != nil { combined.statisticsCosts = canRead ? header.statisticsCosts : nil }
        return combined
    }

    public func mean(_ tensors: [Tensor]) -> [Tensor] {
        guard let device = tensors.first?.device else { return [] }
        var message = FlatMessage()
        for tensor in tensors { message.append(tensor) }
        elementsSent += message.count
        var reader = message.summed(over: group, device: device)
        return tensors.map { tensor in
            (reader.next(tensor.shape) * (1 / Double(group.size))).to(tensor.dtype).to(tensor.device)
        }
    }

    /// The mean gradients of the even and of the odd ranks; without a difference the mean of all.
    ///
    /// Where the mean over all processes was given, its length counts: it may have been clipped, or freed of a loss scale.
    /// The difference is brought to the same scale by c = <mean, mean> / <mean, m>, where m is the mean of what the
    /// processes themselves have gathered.
    private func groupMeans(_ mean: Tensor, difference: Tensor?, overlap: Tensor?) -> [Tensor] {
        guard var difference else { return [mean] }
        if let overlap {
            difference = difference * relativeQuotient(mean.inner(mean), overlap, terms: [overlap])
        }
        // m_even and m_odd from their weighted mean and their difference: an odd number of processes has one more of
        // even rank.
        let processes = Double(group.size)
        return [
            mean + difference * (Double(oddCount) / processes), mean - difference * (Double(evenCount) / processes),
        ]
    }

    /// Examples, whether something is not finite, and by block whether something passed through, whether there are
    /// statistics, and where somebody asks what these cost.
    private func header(_ local: StepInput, due: [Bool], device: Device) -> Tensor {
        let used = local.gradients.map { $0.isEmpty ? 0.0 : 1 }
        let observed = local.statistics.map { $0.isEmpty ? 0.0 : 1 }
        let numbers = Tensor(used + observed + (local.statisticsCosts ?? []), device: device).to(.float32)
        let failures = local.isFinite.logicalNot().to(.float32).reshaped([1])
        let examples = Tensor([Double(local.examples ?? 0)], device: device).to(.float32)
        return Tensor.concatenated([examples, failures, numbers], 0)
    }

    /// The same, summed over processes.
    private struct Header {
        private let numbers: Tensor
        private let blocks: Int

        init(_ numbers: Tensor, blocks: Int) {
            self.numbers = numbers
            self.blocks = blocks
        }

        var examples: Int { Int(number(0).item(as: Double.self)) }
        var allFinite: Tensor { number(1).elementsEqual(0) }
        func statisticsCount(_ index: Int) -> Tensor { number(2 + blocks + index) }
        /// Asked only where there are any.
        var statisticsCosts: [Double] {
            numbers.narrowed(0, from: 2 + 2 * blocks, length: blocks).scalars(as: Double.self)
        }
        // These wait for the device; asked only for what this process has not seen itself.
        func isUsed(_ index: Int) -> Bool { number(2 + index).item(as: Double.self) > 0 }
        func hasStatistics(_ index: Int) -> Bool { statisticsCount(index).item(as: Double.self) > 0 }

        private func number(_ index: Int) -> Tensor { numbers.selected(0, index) }
    }
}
