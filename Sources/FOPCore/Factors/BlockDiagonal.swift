import TorchCore

/// Matrices one after the other along a diagonal, zeros elsewhere; or batches of such.
struct BlockDiagonal {
    var blocks: [Tensor]

    init(_ blocks: [Tensor]) { self.blocks = blocks }

    /// Consecutive ranges of `size` dimensions, as equal as can be, none larger than `maximum`.
    static func ranges(_ size: Int, maximum: Int) -> [Range<Int>] {
        subBatchRanges(size, parts: 1 + (size - 1) / maximum)
    }

    /// The blocks' products with the matching rows of V.
    func times(_ matrix: Tensor) -> Tensor { product(matrix, -2) { $0.matmul($1) } }

    /// The products of the matching columns of V with the blocks.
    func timesFromRight(_ matrix: Tensor) -> Tensor { product(matrix, -1) { $1.matmul($0) } }

    private func product(_ matrix: Tensor, _ dimension: Int, _ multiply: (Tensor, Tensor) -> Tensor) -> Tensor {
        if blocks.count == 1 { return multiply(blocks[0], matrix) }
        var start = 0
        let parts = blocks.map { block in
            defer { start += block.size(-1) }
            return multiply(block, matrix.narrowed(dimension, from: start, length: block.size(-1)))
        }
        return Tensor.concatenated(parts, dimension)
    }

    /// What `change` makes of each block.
    func mapped(_ change: (Tensor) -> Tensor) -> BlockDiagonal { BlockDiagonal(blocks.map(change)) }

    /// The whole diagonal, (batch x) n.
    var diagonal: Tensor { concatenated(blocks.map { $0.diagonal() }) }
}

/// Vectors one after the other.
func concatenated(_ vectors: [Tensor]) -> Tensor { vectors.count == 1 ? vectors[0] : Tensor.concatenated(vectors, -1) }

// MARK: State

/// `key` for a single one, else `key.0`, `key.1`….
func named<Value>(_ key: String, _ values: [Value]) -> [String: Value] {
    if values.count == 1 { return [key: values[0]] }
    return Dictionary(uniqueKeysWithValues: values.enumerated().map { ("\(key).\($0)", $1) })
}

/// Copies of what ``named(_:_:)`` named; nil where there is none.
func saved(_ state: [String: Tensor], _ key: String, count: Int) -> [Tensor?] {
    (0..<count).map { state[count == 1 ? key : "\(key).\($0)"]?.cloned() }
}

extension BlockDiagonal {
    /// Copies of blocks that ``named(_:_:)`` named; nil where one is missing.
    init?(saved state: [String: Tensor], _ key: String, count: Int) {
        let blocks = FOPCore.saved(state, key, count: count).compactMap { $0 }
        guard blocks.count == count else { return nil }
        self.init(blocks)
    }
}
