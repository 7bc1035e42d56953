import TorchCore

/// The relative epsilon of the closed forms: nothing depends on the loss scale.
let relativeEpsilon = 1e-12

/// `numerator / (denominator + eps)`, where eps is 1e-12 times the largest of `terms`, which is what the denominator is
/// made of; 0 where all of them are 0.
func relativeQuotient(_ numerator: Tensor, _ denominator: Tensor, terms: [Tensor]) -> Tensor {
    let largest = terms.dropFirst().reduce(terms[0].absolute()) { $0.maximum($1.absolute()) }
    let guarded = denominator + largest * relativeEpsilon
    let quotient = numerator / guarded
    return Tensor.select(guarded.isGreater(than: 0), quotient, quotient.zerosLike())
}
