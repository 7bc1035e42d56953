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
    _ gradients: [Tensor], metric: (Tensor) -> Tensor, preconditioner: (Tensor) -> Tensor,
    beta betaPolicy: BetaPolicy = .paper, eta etaPolicy: EtaPolicy = .average
) -> ProjectedStep {
    let average = mean(gradients)
    let base = preconditioner(average)
    let B = average.inner(base)
    let differences = zip(gradients, gradients.dropFirst()).map { $0 - $1 }
    if betaPolicy == .zero || differences.isEmpty { return unprojectedStep(base, B, etaPolicy) }

    let shares = projectionCoefficients(differences, on: average, metric: metric)
    var directions: [CorrectionDirection] = []
    for (difference, s) in zip(differences, shares) {
        let preconditioned = preconditioner(difference)
        // M^-1 is linear: no second application for g_perp.
        let correction = preconditioned - base * s
        directions.append(
            CorrectionDirection(
                perpendicular: difference - average * s, preconditioned: correction,
                // What its square is the difference of: rounding leaves about 1e-14 of it when gradients are parallel.
                terms: [difference.inner(preconditioned), s * s * B]))
    }
    let system = CorrectionSystem(directions, average: average, B: B)
    let beta = system.weights(betaPolicy)
    let (cross, square) = (system.cross(beta), system.square(beta))
    let scalars = ProjectionScalars(
        s: vector(shares), beta: vector(beta), eta: stepLength(etaPolicy, B: B, cross: cross, square: square), B: B,
        D: vector(system.D), E: system.matrix, cross: cross, square: square)
    return ProjectedStep(base: base, corrections: directions.map(\.preconditioned), weights: beta, scalars: scalars)
}

/// g_avg (equation 3).
func mean(_ gradients: [Tensor]) -> Tensor {
    gradients.dropFirst().reduce(gradients[0]) { $0 + $1 } * (1 / Double(gradients.count))
}

/// K-FAC: the mean gradient alone.
private func unprojectedStep(_ base: Tensor, _ B: Tensor, _ policy: EtaPolicy) -> ProjectedStep {
    let zero = B.zerosLike()
    let eta = policy == .sum ? B.onesLike() * 2 : B.onesLike()
    let scalars = ProjectionScalars(s: zero, beta: zero, eta: eta, B: B, D: zero, E: zero, cross: zero, square: zero)
    return ProjectedStep(base: base, corrections: [], weights: [], scalars: scalars)
}

/// s = <g_diff, F g_avg> / (<g_avg, F g_avg> + eps) (equation 4), for each difference.
private func projectionCoefficients(
    _ differences: [Tensor], on average: Tensor, metric: (Tensor) -> Tensor
) -> [Tensor] {
    let image = metric(average)
    let square = average.inner(image)
    return differences.map { relativeQuotient($0.inner(image), square, terms: [square]) }
}

/// One number as it is, several as a vector.
private func vector(_ scalars: [Tensor]) -> Tensor { scalars.count == 1 ? scalars[0] : Tensor.stacked(scalars) }
