import TorchCore

/// The eigenvectors (as columns) and eigenvalues, 0 or above, of a (batch of) symmetric positive semi-definite
/// matrices; in float64 where the matrices' own type does not converge; nil where neither does.
func robustEigenbasis(_ matrix: Tensor) -> (values: Tensor, vectors: Tensor, outcome: InverseOutcome)? {
    for (dtype, outcome) in [(matrix.dtype, InverseOutcome.cholesky), (.float64, .float64)] {
        // LAPACK's failure to converge is an error of the operator.
        let found = try? TorchError.catching { matrix.to(dtype).symmetricEigen() }
        guard let (values, vectors) = found else { continue }
        // Row by row in memory, as a saved state has it.
        let basis = vectors.to(matrix.dtype).contiguous()
        guard basis.isFinite().all().item(as: Bool.self) else { continue }
        return (values.to(matrix.dtype).clamped(min: 0), basis, outcome)
    }
    return nil
}
