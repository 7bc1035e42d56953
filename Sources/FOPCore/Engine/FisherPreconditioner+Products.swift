import TorchCore

/// The products with F and M^-1 that a step needs.
extension FisherPreconditioner {
    /// Those of some blocks: unit-wise ones are small and many, and are computed as one.
    /// - Returns: the blocks in the order in which the products have them.
    func products(_ members: [Int]) -> (order: [Int], products: [LayerProducts]) {
        let unitWise = members.filter { blocks[$0] is UnitWiseBlock }
        let joined = UnitWiseBlock.joined(unitWise.compactMap { blocks[$0] as? UnitWiseBlock })
        let alone = joined == nil ? members : members.filter { !(blocks[$0] is UnitWiseBlock) }
        var all = alone.map { blocks[$0] }
        if let joined { all.append(joined) }
        return (alone + (joined == nil ? [] : unitWise), all.map { LayerProducts($0, metric: configuration.metric) })
    }
}
