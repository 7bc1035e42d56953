private enum Op {
    static let matmul = Operator("aten::matmul")
    static let mm = Operator("aten::mm")
    static let bmm = Operator("aten::bmm")
    static let einsum = Operator("aten::einsum")
    static let choleskyEx = Operator("aten::linalg_cholesky_ex")
    static let choleskyInverse = Operator("aten::cholesky_inverse")
    static let choleskySolve = Operator("aten::cholesky_solve")
    static let eigh = Operator("aten::linalg_eigh")
    static let diagonal = Operator("aten::diagonal")
    static let diagEmbed = Operator("aten::diag_embed")
    static let lowerTriangle = Operator("aten::tril")
    static let upperTriangle = Operator("aten::triu")
    static let outer = Operator("aten::outer")
    static let dot = Operator("aten::dot")
}

extension Tensor {
    /// The matrix product, with torch's rules for vectors and batches.
    public func matmul(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.matmul, other, file, line)
    }

    /// The product of two matrices.
    public func mm(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.mm, other, file, line)
    }

    /// The products of two batches of matrices, `b x n x m` and `b x m x p`.
    public func bmm(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.bmm, other, file, line)
    }

    /// A sum of products in Einstein's notation.
    public static func einsum(
        _ equation: String, _ operands: [Tensor], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.einsum, file: file, line: line) {
            $0.push(equation)
            $0.push(operands)
            $0.pushNone()
        }
    }

    /// The lower Cholesky factor of a (batch of) symmetric positive-definite matrices, and for each 0, or the order
    /// of the leading minor that is not positive definite. Does not fail.
    public func cholesky(file: StaticString = #fileID, line: UInt = #line) -> (factor: Tensor, info: Tensor) {
        call2(Op.choleskyEx, file: file, line: line) {
            $0.push(self)
            $0.push(false)
            $0.push(false)
        }
    }

    /// The inverse of `L L^T`, where this tensor is the lower Cholesky factor L.
    public func choleskyInverse(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.choleskyInverse, file: file, line: line) {
            $0.push(self)
            $0.push(false)
        }
    }

    /// The eigenvalues (ascending) and eigenvectors (columns) of a (batch of) symmetric matrices.
    public func symmetricEigen(
        file: StaticString = #fileID, line: UInt = #line
    ) -> (values: Tensor, vectors: Tensor) {
        call2(Op.eigh, file: file, line: line) {
            $0.push(self)
            $0.push("L")
        }
    }

    /// A view of the diagonal of the last two dimensions.
    public func diagonal(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.diagonal, file: file, line: line) {
            $0.push(self)
            $0.push(0)
            $0.push(-2)
            $0.push(-1)
        }
    }

    /// Matrices with the last dimension on their diagonals.
    public func diagonalMatrix(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.diagEmbed, file: file, line: line) {
            $0.push(self)
            $0.push(0)
            $0.push(-2)
            $0.push(-1)
        }
    }

    /// The matrices with zeros above a diagonal: 0 is the main one, 1 the one above it.
    public func lowerTriangle(_ diagonal: Int = 0, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.lowerTriangle, file: file, line: line) {
            $0.push(self)
            $0.push(diagonal)
        }
    }

    /// The matrices with zeros below a diagonal: 0 is the main one, 1 the one above it.
    public func upperTriangle(_ diagonal: Int = 0, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.upperTriangle, file: file, line: line) {
            $0.push(self)
            $0.push(diagonal)
        }
    }

    /// The matrix of all products of two vectors' elements.
    public func outer(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.outer, other, file, line)
    }

    /// The inner product of two vectors.
    public func dot(_ other: Tensor, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        binary(Op.dot, other, file, line)
    }
}
