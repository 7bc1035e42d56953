import TorchCore

/// The mean gradients of the sub-batches of some blocks that are computed with as one: of one type, with equally many
/// sub-batches.
struct BlockGradients {
    /// The indices of the blocks, in the order in which the tensors have them: unit-wise ones last.
    let blocks: [Int]
    /// A row for each sub-batch.
    let tensors: LayerTensors
}

/// The blocks, and what else a layout goes by.
struct LayoutKey: Hashable {
    let blocks: [Int]
    let dtype: DType
    let device: Device
}

extension FisherPreconditioner {
    /// Gradients of blocks, joined as far as they are alike.
    /// - Parameter gradients: by block, those of its sub-batches; none for blocks that have no part in the step.
    func joined(_ gradients: [[ScaledTensor]]) -> [BlockGradients] {
        let active = gradients.indices.filter { !gradients[$0].isEmpty }
        let alike = Dictionary(grouping: active) { index in
            [gradients[index].count, Int(gradients[index][0].tensor.dtype.rawValue)]
        }
        return alike.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { kind, members in
            let unitWise = members.filter { blocks[$0] is UnitWiseBlock }
            let order = unitWise.isEmpty ? members : members.filter { !(blocks[$0] is UnitWiseBlock) } + unitWise
            let rows = (0..<kind[0]).map { row in order.map { gradients[$0][row] } }
            return BlockGradients(blocks: order, tensors: joined(rows, of: order))
        }
    }

    /// - Parameters:
    ///   - rows: by sub-batch.
    ///   - order: the indices of the blocks.
    private func joined(_ rows: [[ScaledTensor]], of order: [Int]) -> LayerTensors {
        let first = rows[0][0]
        let layout = layout(order, like: first.tensor)
        // One factor for all is for after they were joined.
        guard rows.allSatisfy({ $0.allSatisfy { $0.factor == first.factor } }) else {
            return LayerTensors(ScaledTensor.values(rows), layout: layout)
        }
        return LayerTensors(rows.map { $0.map(\.tensor) }, layout: layout).scaled(by: first.factor)
    }

    private func layout(_ order: [Int], like tensor: Tensor) -> LayerLayout {
        let key = LayoutKey(blocks: order, dtype: tensor.dtype, device: tensor.device)
        if let layout = layouts[key] { return layout }
        let layout = LayerLayout(order.map { blocks[$0].shape }, dtype: key.dtype, device: key.device)
        // Where other layers take part in every step, none comes again soon.
        if layouts.count >= 8 { layouts = [:] }
        layouts[key] = layout
        return layout
    }

    /// The gradients of the sub-batches by block; none for blocks that have no part in the step.
    func byBlock(_ gradients: [BlockGradients]) -> [[Tensor]] {
        var all = [[Tensor]](repeating: [], count: blocks.count)
        for part in gradients {
            for row in 0..<part.tensors.rows {
                for (index, tensor) in zip(part.blocks, part.tensors.parts(row: row)) { all[index].append(tensor) }
            }
        }
        return all
    }
}
