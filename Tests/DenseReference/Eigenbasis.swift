extension Matrix {
    /// Eigenvalues and eigenvectors (columns) of a symmetric matrix, by Jacobi's rotations.
    public var symmetricEigen: (values: [Double], vectors: Matrix) {
        var matrix = self
        var vectors = Matrix.identity(rows)
        for _ in 0..<60 {
            for p in 0..<rows {
                for q in p + 1..<max(rows, p + 1) where abs(matrix[p, q]) > 1e-300 {
                    let theta = (matrix[q, q] - matrix[p, p]) / (2 * matrix[p, q])
                    let t = (theta >= 0 ? 1.0 : -1.0) / (abs(theta) + (theta * theta + 1).squareRoot())
                    let c = 1 / (t * t + 1).squareRoot()
                    matrix.rotate(p, q, cosine: c, sine: t * c, rows: true)
                    matrix.rotate(p, q, cosine: c, sine: t * c, rows: false)
                    vectors.rotate(p, q, cosine: c, sine: t * c, rows: false)
                }
            }
        }
        return ((0..<rows).map { matrix[$0, $0] }, vectors)
    }

    private mutating func rotate(_ p: Int, _ q: Int, cosine: Double, sine: Double, rows byRows: Bool) {
        for k in 0..<rows {
            let (a, b) = byRows ? (self[p, k], self[q, k]) : (self[k, p], self[k, q])
            let (first, second) = (cosine * a - sine * b, sine * a + cosine * b)
            if byRows { (self[p, k], self[q, k]) = (first, second) } else { (self[k, p], self[k, q]) = (first, second) }
        }
    }

    /// The same matrix with what is not on the diagonal left out in another basis (columns of `basis`).
    func diagonal(in basis: Matrix) -> Matrix {
        let rotated = basis.transposed * self * basis
        return basis * .diagonal((0..<rows).map { rotated[$0, $0] }) * basis.transposed
    }
}

/// EKFAC (George et al. 2018) by full matrices: F is always diagonal in the Kronecker product of the factors'
/// eigenvectors.
public struct ReferenceEigenbasis {
    private let sharing: ReferenceSharing
    private let maximum: Int
    private var factors: [Matrix] = []
    private var basis: Matrix?
    /// F
    public private(set) var fisher = Matrix(zeros: 0, 0)

    /// - Parameter maximum: the largest block of a factor.
    public init(_ sharing: ReferenceSharing, maximum: Int = .max) {
        self.sharing = sharing
        self.maximum = maximum
    }

    /// 1/N sum over examples of the gradient times its own transpose.
    public static func trueFisher(_ batch: [LayerExample]) -> Matrix {
        batch.reduce(Matrix(zeros: batch[0].gradient.count, batch[0].gradient.count)) {
            $0 + 1 / Double(batch.count) * Matrix.outer($1.gradient, $1.gradient)
        }
    }

    /// Takes a batch into the averages.
    public mutating func update(_ batch: [LayerExample], decay: Double) {
        let kind = maximum < 1000 ? ReferenceBlock.split(sharing, maximum: maximum) : .kronecker(sharing)
        let new = kind.statistics(batch)
        factors = factors.isEmpty ? new : zip(factors, new).map { decay * $0 + (1 - decay) * $1 }
        guard let basis else { return }
        fisher = decay * fisher + (1 - decay) * Self.trueFisher(batch).diagonal(in: basis)
    }

    /// Computes the eigenvectors anew. Those of a split factor are its blocks', which its other eigenvalues do not mix.
    public mutating func updateBasis() {
        let pairs = stride(from: 0, to: factors.count, by: 2).map { (A: factors[$0], G: factors[$0 + 1]) }
        let before = basis
        let new = Matrix.blockDiagonal(pairs.map { $0.G.symmetricEigen.vectors.kronecker($0.A.symmetricEigen.vectors) })
        basis = new
        fisher = before == nil ? .blockDiagonal(pairs.map { $0.G.kronecker($0.A) }) : fisher.diagonal(in: new)
    }
}
