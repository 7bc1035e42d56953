import TorchCore

private enum Op {
    static let multiply = Operator("aten::_foreach_mul", "Tensor")
}

/// A tensor that stands for a multiple of itself.
struct ScaledTensor {
    let tensor: Tensor
    let factor: Double

    init(_ tensor: Tensor, factor: Double = 1) { (self.tensor, self.factor) = (tensor, factor) }

    /// What some of them stand for: one operator for all that share factor, type and device.
    static func values(_ all: [ScaledTensor]) -> [Tensor] {
        var values = all.map(\.tensor)
        for (kind, places) in Dictionary(grouping: all.indices, by: { Kind(all[$0]) }) where kind.factor != 1 {
            let factor = Tensor.full([], kind.factor, dtype: kind.dtype, device: kind.device)
            let products = callList(Op.multiply, file: #fileID, line: #line) {
                $0.push(places.map { all[$0].tensor })
                $0.push(factor)
            }
            for (place, product) in zip(places, products) { values[place] = product }
        }
        return values
    }

    /// The same for several lists.
    static func values(_ lists: [[ScaledTensor]]) -> [[Tensor]] {
        var rest = values(lists.flatMap { $0 })[...]
        return lists.map { list in
            defer { rest = rest.dropFirst(list.count) }
            return Array(rest.prefix(list.count))
        }
    }

    private struct Kind: Hashable {
        let factor: Double
        let dtype: DType
        let device: Device

        init(_ scaled: ScaledTensor) {
            (factor, dtype, device) = (scaled.factor, scaled.tensor.dtype, scaled.tensor.device)
        }
    }
}
