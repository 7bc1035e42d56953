/// What the statistics of a record cost a block, in multiplications: rows times the squares of the factors' sizes, and
/// the elements that are looked at, each of which takes as long as some multiplications. An estimate: what counts is how
/// blocks compare.
func statisticsCost(_ record: LayerRecord, of block: any FisherBlock) -> Double {
    let rows = record.examples * block.factorSize(record).rowsPerExample
    let columns = block.factorShapes.map { shape in Double(shape.reduce(1, *)) }
    // The factor of the inputs comes first, and may have examples of its own number.
    let share = record.inputExamples.map { min(1, Double($0) / Double(record.examples)) } ?? 1
    let products = columns.enumerated().map { place, elements in elements * (place == 0 ? share : 1) }.reduce(0, +)
    let elements = Double(record.input.count + record.outputGradient.count)
    return Double(rows) * products + multiplicationsPerElement * elements
}

/// A core multiplies about so many times while it gets one element from memory.
private let multiplicationsPerElement = 32.0

extension FisherBlock {
    /// What the inverse costs, in multiplications: the cubes of the sizes of the matrices among ``factorShapes``.
    public var inversionCost: Double {
        factorShapes.map { shape in
            let elements = Double(shape.reduce(1, *))
            guard let size = shape.last, shape.count > 1, shape[shape.count - 2] == size else { return elements }
            return elements * Double(size)
        }.reduce(0, +)
    }
}
