import TorchCore

/// What is added to the diagonals of the two factors: pi sqrt(lambda) and sqrt(lambda) / pi, with
/// pi = sqrt((tr A / i) / (tr G / o)), and pi = 1 where either trace is 0 (Martens & Grosse 2015, section 6.3).
/// Batches of factors have one pi each: the results have the shape of the batch.
func splitDamping(_ damping: Double, input A: Tensor, output G: Tensor) -> (input: Tensor, output: Tensor) {
    splitDamping(damping, inputDiagonal: A.diagonal(), outputDiagonal: G.diagonal())
}

/// The same from the factors' diagonals.
func splitDamping(_ damping: Double, inputDiagonal: Tensor, outputDiagonal: Tensor) -> (input: Tensor, output: Tensor) {
    let traceA = inputDiagonal.mean([-1])
    let traceG = outputDiagonal.mean([-1])
    let defined = traceA.isGreater(than: 0).logicalAnd(traceG.isGreater(than: 0))
    // The quotient of the roots: that of the traces can be beyond float32.
    let pi = Tensor.select(defined, traceA.squareRoot() / traceG.squareRoot(), traceA.onesLike())
    let root = damping.squareRoot()
    return (pi * root, pi.reciprocal() * root)
}

/// `matrix + amount I`; `amount` has the shape of the batch.
func addingToDiagonal(_ matrix: Tensor, _ amount: Tensor) -> Tensor {
    let result = matrix.cloned()
    result.diagonal().addInPlace(amount.unsqueezed(-1))
    return result
}
