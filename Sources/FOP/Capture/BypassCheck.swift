import FOPCore
import Torch

/// Finds blocks whose parameters have gradients that the layer does not show: the weight of an embedding that is used
/// again as a head, a layer whose parameters are read instead of calling it. A block would leave a part of their
/// gradient out, so they belong to the fallback rule.
///
/// It compares, in the first backward passes after the blocks have changed, what the block makes of the layer's inputs
/// and output gradients with autograd's own gradient. Each of these passes is one more backward pass.
struct BypassCheck {
    /// How many passes are looked at: a gradient can be zero at the start, as that of an adapter.
    private static let passes = 3

    private var left = 0
    private var checked = Set<ObjectIdentifier>()

    /// Call when the blocks have changed.
    mutating func restart() { left = Self.passes }

    /// The numbers of the blocks that the loss reaches on other ways than through their layers, in any process. All
    /// processes have to ask, at the same passes.
    mutating func bypassed(
        _ blocks: [LayerBlock], loss: Tensor, capture: LayerCapture, processes: any ProcessReduction
    ) -> [Int] {
        let open = blocks.indices.filter { !checked.contains(ObjectIdentifier(blocks[$0].block)) }
        guard left > 0, !open.isEmpty else { return [] }
        left -= 1
        let verdicts = agreed(look(at: open, blocks, loss: loss, capture: capture), processes)
        for (index, verdict) in zip(open, verdicts) where verdict == .whole {
            checked.insert(ObjectIdentifier(blocks[index].block))
        }
        return zip(open, verdicts).filter { $1 == .bypassed }.map(\.0)
    }

    /// What a pass says about a block.
    private enum Verdict {
        case bypassed, whole, unknown
    }

    /// What one process has seen counts for all.
    private func agreed(_ own: [Verdict], _ processes: any ProcessReduction) -> [Verdict] {
        guard processes.processes > 1 else { return own }
        let flags = [Verdict.bypassed, .whole].map { kind in Tensor(own.map { $0 == kind ? Float(1) : 0 }) }
        let shares = processes.mean(flags).map { $0.scalars(as: Double.self) }
        return own.indices.map { shares[0][$0] > 0 ? .bypassed : shares[1][$0] > 0 ? .whole : .unknown }
    }

    private func look(
        at open: [Int], _ blocks: [LayerBlock], loss: Tensor, capture: LayerCapture
    ) -> [Verdict] {
        var sums: [Int: (total: Tensor, scale: Tensor)] = [:]
        let parameters = open.flatMap { blocks[$0].parameters.map(\.parameter.value) }
        var gradients = capture.rehearse(loss, parameters: parameters) { record, index in
            guard open.contains(index) else { return }
            let record = record.inOneType()
            for range in subBatchRanges(record.examples, parts: min(2, record.examples)) {
                let part = blocks[index].block.gradient(record.examples(range))
                let (total, scale) = sums[index] ?? (part.zerosLike(), Tensor.zeros([], device: part.device))
                sums[index] = (total + part, scale + part.norm().to(.float32))
            }
        }[...]
        return withoutGradients {
            open.map { index in
                let own = gradients.prefix(blocks[index].parameters.count)
                gradients = gradients.dropFirst(own.count)
                guard own.contains(where: { $0 != nil }) else { return .unknown }
                let full = zip(own, blocks[index].parameters).map { $0 ?? $1.parameter.value.zerosLike() }
                let expected = blocks[index].block.pack(full)
                let lowPrecision = ![.float32, .float64].contains(expected.dtype)
                let difference = relativeDifference(expected.toFloat(), sums[index])
                if difference > (lowPrecision ? 0.1 : 1e-2) { return .bypassed }
                return difference.isFinite ? .whole : .unknown
            }
        }
    }

    /// How far the block's gradient is from autograd's, as a share of what it is made of; NaN where there is nothing to
    /// compare.
    private func relativeDifference(_ expected: Tensor, _ found: (total: Tensor, scale: Tensor)?) -> Double {
        let size = expected.norm().item(as: Double.self)
        guard let found else { return size > 0 ? .infinity : .nan }
        let distance = (expected - found.total.to(expected.dtype)).norm().item(as: Double.self)
        return distance / max(size, found.scale.item(as: Double.self))
    }
}

extension Tensor {
    fileprivate func toFloat() -> Tensor { dtype == .float64 ? self : to(.float32) }
}
