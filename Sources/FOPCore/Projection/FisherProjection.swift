import TorchCore

/// Fisher-orthogonal projection of the sub-batches' gradients, for one layer (section 3 of the algorithm, equations 3
/// to 18).
///
/// With two gradients this is the paper's method. With k of them there are k - 1 differences of neighbours; each is made
/// Fisher-orthogonal to the mean, and the correction is the combination of them whose coefficients solve
/// `E beta = D`, where `E_ij = <p_i, M^-1 p_j>` and `D_j = <g_avg, M^-1 p_j>`: the step does not depend on how the
/// span is described, nor on the order of the gradients, and k = 2 gives beta = D / E.
///
/// - Parameters:
///   - gradients: the mean gradients of one or more sub-batches. One alone is K-FAC's.
///   - metric: V -> F V, the product in which the differences are made orthogonal to the mean.
///   - preconditioner: V -> M^-1 V, linear and symmetric positive definite.
public func projectFisherOrthogonally(
    _ gradients: [Tensor], metric: @escaping (Tensor) -> Tensor, preconditioner: @escaping (Tensor) -> Tensor,
    beta betaPolicy: BetaPolicy = .paper, eta etaPolicy: EtaPolicy = .average
) -> ProjectedStep {
    projectFisherOrthogonally(
        LayerTensors(gradients.map { [$0] }),
        products: [LayerProducts(ofOne: gradients[0].shape, metric: metric, preconditioner: preconditioner)],
        beta: betaPolicy, eta: etaPolicy
    ).step(0)
}

/// The same for several layers at once.
/// - Parameters:
///   - gradients: the mean gradients of the layers, a row for each sub-batch.
///   - products: those of the layers, in the same order.
func projectFisherOrthogonally(
    _ gradients: LayerTensors, products: [LayerProducts], beta betaPolicy: BetaPolicy, eta etaPolicy: EtaPolicy
) -> ProjectedSteps {
    if betaPolicy == .zero || gradients.rows == 1 { return unprojectedSteps(gradients.mean(), products, etaPolicy) }

    // g_avg, and below it the differences, from which g_perp is made.
    let directions = gradients.meanAndDifferences()
    let shares = projectionCoefficients(directions, image: directions.first.mapped(products, \.metric))
    directions.subtractFirst(times: shares)
    let preconditioned = directions.mapped(products, \.preconditioner)
    let system = CorrectionSystem(directions.inner(preconditioned), shares: shares)
    let beta = system.weights(betaPolicy)
    let (B, cross, square) = (system.B, system.cross(beta), system.square(beta))
    let scalars = ProjectionScalars(
        s: joined(shares), beta: joined(beta), eta: stepLength(etaPolicy, B: B, cross: cross, square: square), B: B,
        D: joined(system.D), E: system.matrix, cross: cross, square: square)
    return ProjectedSteps(preconditioned: preconditioned, weights: beta, scalars: scalars)
}

/// K-FAC: the mean gradient alone.
private func unprojectedSteps(
    _ average: LayerTensors, _ products: [LayerProducts], _ policy: EtaPolicy
) -> ProjectedSteps {
    let base = average.mapped(products, \.preconditioner)
    let B = average.inner(base)[0][0]
    let zero = B.zerosLike()
    let eta = policy == .sum ? B.onesLike() * 2 : B.onesLike()
    let scalars = ProjectionScalars(s: zero, beta: zero, eta: eta, B: B, D: zero, E: zero, cross: zero, square: zero)
    return ProjectedSteps(preconditioned: base, weights: [], scalars: scalars)
}

/// s = <g_diff, F g_avg> / (<g_avg, F g_avg> + eps) (equation 4), for each difference.
/// - Parameters:
///   - directions: g_avg and the differences.
///   - image: F g_avg.
private func projectionCoefficients(_ directions: LayerTensors, image: LayerTensors) -> [Tensor] {
    let products = directions.inner(image).map { $0[0] }
    return products.dropFirst().map { relativeQuotient($0, products[0], terms: [products[0]]) }
}

/// One vector over layers as it is, several as a matrix.
private func joined(_ vectors: [Tensor]) -> Tensor { vectors.count == 1 ? vectors[0] : Tensor.stacked(vectors) }
