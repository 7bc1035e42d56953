import TorchCore

/// The products with F and M^-1 that a step needs.
extension FisherPreconditioner {
    /// Those of the gradients' blocks, in their order: unit-wise ones are small and many, and are computed as one.
    func products(_ gradients: BlockGradients) -> [LayerProducts] {
        let all = gradients.blocks.map { blocks[$0] }
        let unitWise = all.compactMap { $0 as? UnitWiseBlock }
        let joined = joinedUnits(unitWise, gradients.tensors.layout)
        return (joined.map { all.dropLast(unitWise.count) + [$0] } ?? all).map {
            LayerProducts($0, metric: configuration.metric)
        }
    }

    /// The last blocks of a layout as one; nil where they cannot be joined.
    private func joinedUnits(_ unitWise: [UnitWiseBlock], _ layout: LayerLayout) -> UnitWiseBlock? {
        let revisions = unitWise.map(\.revision)
        if let last = joinedUnits, last.layout === layout, last.revisions == revisions { return last.block }
        let elements = layout.counts.suffix(unitWise.count).map { $0 + layout.filling(after: $0) }
        let block = UnitWiseBlock.joined(unitWise, elements: elements)
        joinedUnits = JoinedUnits(layout: layout, revisions: revisions, block: block)
        return block
    }
}

/// Unit-wise blocks as one, kept until their curvature changes.
struct JoinedUnits {
    let layout: LayerLayout
    /// Which curvature of the blocks it has.
    let revisions: [Int]
    let block: UnitWiseBlock?
}
