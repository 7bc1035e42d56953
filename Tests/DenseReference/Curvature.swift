/// How the positions of one example enter the factors.
public enum ReferenceSharing: Sendable {
    case expand, reduce
}

/// The Fisher block of a layer, always as one full matrix over the vector of the layer's parameters.
public enum ReferenceBlock: Sendable {
    /// F = G (x) A, one pair of factors per group of the layer.
    case kronecker(ReferenceSharing = .expand)
    /// A small matrix for each unit, over its weight and bias (width 2) or one of them (width 1).
    case unitWise(width: Int)
    /// F = G (x) A with both factors block-diagonal, in as equal parts of at most `maximum` as can be.
    case split(ReferenceSharing, maximum: Int)
    /// The mean squares of the examples' own gradients.
    case diagonal

    /// The batch's estimate of the factors: A and G of each group; or each unit's matrix.
    public func statistics(_ batch: [LayerExample]) -> [Matrix] {
        switch self {
        case .kronecker(let sharing):
            batch[0].groups.indices.flatMap { group in
                let positions = batch.map { $0.groups[group] }
                return [inputFactor(positions, sharing), outputFactor(positions, sharing)]
            }
        case .split(let sharing, let maximum):
            ReferenceBlock.kronecker(sharing).statistics(batch).map { $0.withoutWhatIsBetweenBlocks(of: maximum) }
        case .diagonal:
            [.diagonal(mean(batch.map { example in example.gradient.map { $0 * $0 } }))]
        case .unitWise(let width):
            stride(from: 0, to: batch[0].gradient.count, by: width).map { start in
                let own = batch.map { Array($0.gradient[start..<start + width]) }
                return 1 / Double(batch.count) * sumOfSquares(own)
            }
        }
    }

    /// F
    public func fisher(_ factors: [Matrix]) -> Matrix {
        switch self {
        case .kronecker, .split: .blockDiagonal(pairs(factors).map { A, G in G.kronecker(A) })
        case .unitWise, .diagonal: .blockDiagonal(factors)
        }
    }

    /// M, damped.
    public func damped(_ factors: [Matrix], _ damping: Double) -> Matrix {
        switch self {
        case .kronecker, .split:
            return .blockDiagonal(dampedFactors(factors, damping).map { A, G in G.kronecker(A) })
        case .unitWise, .diagonal:
            let full = Matrix.blockDiagonal(factors)
            return full + damping * .identity(full.rows)
        }
    }

    /// A + pi sqrt(lambda) I and G + sqrt(lambda) / pi I of each group.
    public func dampedFactors(_ factors: [Matrix], _ damping: Double) -> [(A: Matrix, G: Matrix)] {
        pairs(factors).map { A, G in
            let input = A.trace / Double(A.rows)
            let output = G.trace / Double(G.rows)
            let pi = input > 0 && output > 0 ? (input / output).squareRoot() : 1
            let root = damping.squareRoot()
            return (A + pi * root * .identity(A.rows), G + root / pi * .identity(G.rows))
        }
    }

    private func pairs(_ factors: [Matrix]) -> [(A: Matrix, G: Matrix)] {
        stride(from: 0, to: factors.count, by: 2).map { (factors[$0], factors[$0 + 1]) }
    }
}

extension Matrix {
    /// Zeros outside of consecutive blocks along the diagonal: as few as have at most `maximum` rows, the first ones larger
    /// by one where they cannot be equal.
    func withoutWhatIsBetweenBlocks(of maximum: Int) -> Matrix {
        let count = (rows + maximum - 1) / maximum
        let blockOfRow = (0..<count).flatMap { block in
            [Int](repeating: block, count: rows / count + (block < rows % count ? 1 : 0))
        }
        var result = self
        for row in 0..<rows {
            for column in 0..<rows where blockOfRow[row] != blockOfRow[column] { result[row, column] = 0 }
        }
        return result
    }
}

/// expand: 1/(N T) sum a a^T; reduce: 1/N sum over examples of (mean a)(mean a)^T.
private func inputFactor(_ batch: [[LayerExample.Position]], _ sharing: ReferenceSharing) -> Matrix {
    let rows =
        switch sharing {
        case .expand: batch.flatMap { $0.map(\.input) }
        case .reduce: batch.map { mean($0.map(\.input)) }
        }
    return 1 / Double(rows.count) * sumOfSquares(rows)
}

/// expand: 1/N sum over examples and positions of g g^T; reduce: 1/N sum over examples of (sum g)(sum g)^T.
private func outputFactor(_ batch: [[LayerExample.Position]], _ sharing: ReferenceSharing) -> Matrix {
    let rows =
        switch sharing {
        case .expand: batch.flatMap { $0.map(\.output) }
        case .reduce: batch.map { $0.dropFirst().reduce($0[0].output) { combine($0, 1, $1.output) } }
        }
    return 1 / Double(batch.count) * sumOfSquares(rows)
}

/// sum x x^T
private func sumOfSquares(_ rows: [[Double]]) -> Matrix {
    var result = Matrix(zeros: rows[0].count, rows[0].count)
    for row in rows { result.add(outer: row, row) }
    return result
}
