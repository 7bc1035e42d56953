import TorchCore

/// How an inverse was obtained, from the cheapest way to the last resort.
public enum InverseOutcome: String, CaseIterable, Sendable {
    /// Cholesky, as it should be.
    case cholesky
    /// Cholesky after more was added to the diagonal, relative to the trace.
    case jitter
    /// The same in float64.
    case float64
    /// None of it worked: the last good inverse stays.
    case kept
}

/// The inverse of a (batch of) symmetric positive-definite matrices, by Cholesky; then with a jitter relative to the
/// trace, then in float64, then `last`, then a multiple of the identity. Never fails and never returns anything that is
/// not finite.
func robustInverse(_ matrix: Tensor, last: Tensor?) -> (inverse: Tensor, outcome: InverseOutcome) {
    if let inverse = choleskyInverse(matrix) { return (inverse, .cholesky) }
    let scale = matrix.diagonal().mean([-1]).absolute()
    for jitter in [1e-6, 1e-4, 1e-2] {
        if let inverse = choleskyInverse(addingToDiagonal(matrix, scale * jitter)) { return (inverse, .jitter) }
    }
    let wide = matrix.to(.float64)
    for jitter in [1e-12, 1e-6, 1e-2] {
        let damped = addingToDiagonal(wide, wide.diagonal().mean([-1]).absolute() * jitter)
        if let inverse = choleskyInverse(damped)?.to(matrix.dtype), isFinite(inverse) { return (inverse, .float64) }
    }
    let identity = Tensor.identity(matrix.size(-1), dtype: matrix.dtype, device: matrix.device)
    return (last ?? identity.expanded(matrix.shape).contiguous(), .kept)
}

/// The same for each block of a block-diagonal matrix, after `damping` was added to its diagonal.
func robustInverses(
    _ matrix: BlockDiagonal, damping: Tensor, last: BlockDiagonal?
) -> (inverse: BlockDiagonal, outcomes: [InverseOutcome]) {
    let results = matrix.blocks.enumerated().map { index, block in
        robustInverse(addingToDiagonal(block, damping), last: last?.blocks[index])
    }
    return (BlockDiagonal(results.map(\.inverse)), results.map(\.outcome))
}

/// Nil where a matrix is not positive definite, as far as numbers of its type can tell, or the inverse is not finite.
private func choleskyInverse(_ matrix: Tensor) -> Tensor? {
    let (factor, info) = matrix.cholesky()
    guard !info.isGreater(than: 0).any().item(as: Bool.self) else { return nil }
    // Row by row in memory, as a saved state has it: products of another layout round differently, and a resumed run
    // would too. LAPACK's inverse lies column by column, and is symmetric.
    let inverse = factor.choleskyInverse().transposed().contiguous()
    return isMoreThanRounding(inverse, of: matrix) ? inverse : nil
}

/// Whether an inverse is finite, and no diagonal entry of it shows that what Cholesky left of the matrix's own entry
/// is no more than rounding: the matrix would be singular then as far as numbers of its type can tell, and the inverse
/// noise that can lead uphill. No other entry of a positive definite matrix is above the diagonal's.
private func isMoreThanRounding(_ inverse: Tensor, of matrix: Tensor) -> Bool {
    let rounding = matrix.dtype == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)
    // Their product is 1 for a diagonal matrix; not a number is not below anything.
    return (inverse.diagonal() * matrix.diagonal()).max().item(as: Double.self) < 1 / (8 * rounding)
}

/// A sum is finite only if its terms are.
private func isFinite(_ tensor: Tensor) -> Bool { tensor.sum().isFinite().item(as: Bool.self) }
