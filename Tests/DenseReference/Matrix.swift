/// A dense matrix of float64 numbers, row by row. Everything here is slow and plain on purpose: it is what the product
/// is compared with, and shares no code with it.
public struct Matrix {
    public let rows, columns: Int
    /// The elements in row-major order.
    public var values: [Double]

    public init(_ rows: Int, _ columns: Int, _ values: [Double]) {
        precondition(values.count == rows * columns, "\(values.count) values are no \(rows) x \(columns) matrix")
        self.rows = rows
        self.columns = columns
        self.values = values
    }

    public init(zeros rows: Int, _ columns: Int) {
        self.init(rows, columns, [Double](repeating: 0, count: rows * columns))
    }

    public static func identity(_ size: Int) -> Matrix { diagonal([Double](repeating: 1, count: size)) }

    public static func diagonal(_ numbers: [Double]) -> Matrix {
        var result = Matrix(zeros: numbers.count, numbers.count)
        for (index, number) in numbers.enumerated() { result[index, index] = number }
        return result
    }

    /// x y^T
    public static func outer(_ x: [Double], _ y: [Double]) -> Matrix {
        Matrix(x.count, y.count, x.flatMap { left in y.map { left * $0 } })
    }

    public subscript(_ row: Int, _ column: Int) -> Double {
        get { values[row * columns + column] }
        set { values[row * columns + column] = newValue }
    }

    public var trace: Double { (0..<rows).reduce(0) { $0 + self[$1, $1] } }

    public var transposed: Matrix {
        Matrix(columns, rows, (0..<columns).flatMap { column in (0..<rows).map { self[$0, column] } })
    }

    public static func + (lhs: Matrix, rhs: Matrix) -> Matrix {
        Matrix(lhs.rows, lhs.columns, combine(lhs.values, 1, rhs.values))
    }

    public static func * (lhs: Double, rhs: Matrix) -> Matrix {
        Matrix(rhs.rows, rhs.columns, rhs.values.map { lhs * $0 })
    }

    public static func * (lhs: Matrix, rhs: Matrix) -> Matrix {
        precondition(lhs.columns == rhs.rows, "\(lhs.rows) x \(lhs.columns) times \(rhs.rows) x \(rhs.columns)")
        let columns = rhs.transposed
        return Matrix(lhs.rows, rhs.columns, lhs.rowVectors.flatMap { columns * $0 })
    }

    public static func * (lhs: Matrix, rhs: [Double]) -> [Double] { lhs.rowVectors.map { inner($0, rhs) } }

    /// Adds x y^T.
    mutating func add(outer x: [Double], _ y: [Double]) {
        precondition(x.count == rows && y.count == columns)
        for (row, factor) in x.enumerated() { accumulate(factor, y, in: &values, at: row * columns) }
    }

    /// The Kronecker product: on vectors that hold matrices row by row, `G.kronecker(A)` is V -> G V A^T.
    public func kronecker(_ other: Matrix) -> Matrix {
        var result = Matrix(zeros: rows * other.rows, columns * other.columns)
        let innerRows = other.rowVectors
        for row in 0..<rows {
            for column in 0..<columns {
                for innerRow in 0..<other.rows {
                    let start = (row * other.rows + innerRow) * result.columns + column * other.columns
                    accumulate(self[row, column], innerRows[innerRow], in: &result.values, at: start)
                }
            }
        }
        return result
    }

    /// The matrices along the diagonal, zeros elsewhere.
    public static func blockDiagonal(_ blocks: [Matrix]) -> Matrix {
        var result = Matrix(zeros: blocks.reduce(0) { $0 + $1.rows }, blocks.reduce(0) { $0 + $1.columns })
        var (top, left) = (0, 0)
        for block in blocks {
            for row in 0..<block.rows {
                for column in 0..<block.columns { result[top + row, left + column] = block[row, column] }
            }
            top += block.rows
            left += block.columns
        }
        return result
    }

    /// The x of `self x = b` for several b, by Gauss-Jordan elimination with row exchanges.
    public func solve(_ sides: [[Double]]) -> [[Double]] {
        var table = rowVectors.enumerated().map { row, numbers in numbers + sides.map { $0[row] } }
        for pivot in 0..<rows {
            let best = (pivot..<rows).max { abs(table[$0][pivot]) < abs(table[$1][pivot]) }!
            table.swapAt(pivot, best)
            let scale = 1 / table[pivot][pivot]
            let pivotRow = table[pivot][pivot...].map { $0 * scale }
            table[pivot].replaceSubrange(pivot..., with: pivotRow)
            for row in 0..<rows where row != pivot && table[row][pivot] != 0 {
                accumulate(-table[row][pivot], pivotRow, in: &table[row], at: pivot)
            }
        }
        return sides.indices.map { side in table.map { $0[rows + side] } }
    }

    public var inverse: Matrix { Matrix(rows, rows, solve(Matrix.identity(rows).rowVectors).flatMap { $0 }).transposed }

    public var rowVectors: [[Double]] { (0..<rows).map { Array(values[$0 * columns..<($0 + 1) * columns]) } }
}

// MARK: Vectors

/// <x, y>
public func inner(_ x: [Double], _ y: [Double]) -> Double {
    precondition(x.count == y.count, "\(x.count) and \(y.count) numbers")
    return x.withUnsafeBufferPointer { x in
        y.withUnsafeBufferPointer { y in
            var (sum, index) = (0.0, 0)
            while index < x.count {
                sum += x[index] * y[index]
                index += 1
            }
            return sum
        }
    }
}

/// x + factor y
public func combine(_ x: [Double], _ factor: Double, _ y: [Double]) -> [Double] {
    precondition(x.count == y.count, "\(x.count) and \(y.count) numbers")
    var result = x
    accumulate(factor, y, in: &result, at: 0)
    return result
}

/// The elementwise mean of vectors.
public func mean(_ vectors: [[Double]]) -> [Double] {
    let sum = vectors.dropFirst().reduce(vectors[0]) { combine($0, 1, $1) }
    return sum.map { $0 / Double(vectors.count) }
}

/// target[start...] += factor x. A plain loop: the tests run without optimisation, where ranges and closures are slow.
private func accumulate(_ factor: Double, _ x: [Double], in target: inout [Double], at start: Int) {
    precondition(start + x.count <= target.count)
    x.withUnsafeBufferPointer { x in
        target.withUnsafeMutableBufferPointer { target in
            var index = 0
            while index < x.count {
                target[start + index] += factor * x[index]
                index += 1
            }
        }
    }
}
