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
        [LayerProjection(gradients: gradients, metric: metric, preconditioner: preconditioner)], beta: betaPolicy,
        eta: etaPolicy
    ).step(0)
}

/// What the projection of one layer is made from.
struct LayerProjection {
    /// The mean gradients of the sub-batches.
    let gradients: [Tensor]
    /// V -> F V
    let metric: (Tensor) -> Tensor
    /// V -> M^-1 V
    let preconditioner: (Tensor) -> Tensor
}

/// The same for several layers with equally many sub-batches.
func projectFisherOrthogonally(
    _ layers: [LayerProjection], beta betaPolicy: BetaPolicy, eta etaPolicy: EtaPolicy
) -> ProjectedSteps {
    func each(_ tensors: LayerTensors, _ product: (LayerProjection) -> (Tensor) -> Tensor) -> LayerTensors {
        LayerTensors(zip(layers, tensors.parts).map { product($0)($1) })
    }
    let gradients = layers[0].gradients.indices.map { part in LayerTensors(layers.map { $0.gradients[part] }) }
    let average = LayerTensors.mean(gradients)
    let base = each(average, \.preconditioner)
    let B = average.inner(base)
    let differences = zip(gradients, gradients.dropFirst()).map { $0 - $1 }
    if betaPolicy == .zero || differences.isEmpty { return unprojectedSteps(base, B, etaPolicy) }

    let shares = projectionCoefficients(differences, on: average, image: each(average, \.metric))
    let directions = zip(differences, shares).map { difference, s in
        let preconditioned = each(difference, \.preconditioner)
        return CorrectionDirection(
            perpendicular: difference - average * s,
            // M^-1 is linear: no second application for g_perp.
            preconditioned: preconditioned - base * s,
            // What its square is the difference of: rounding leaves about 1e-14 of it when gradients are parallel.
            terms: [difference.inner(preconditioned), s * s * B])
    }
    let system = CorrectionSystem(directions, average: average, B: B)
    let beta = system.weights(betaPolicy)
    let (cross, square) = (system.cross(beta), system.square(beta))
    let scalars = ProjectionScalars(
        s: joined(shares), beta: joined(beta), eta: stepLength(etaPolicy, B: B, cross: cross, square: square), B: B,
        D: joined(system.D), E: system.matrix, cross: cross, square: square)
    return ProjectedSteps(base: base, corrections: directions.map(\.preconditioned), weights: beta, scalars: scalars)
}

/// g_avg (equation 3).
func mean(_ gradients: [Tensor]) -> Tensor {
    gradients.dropFirst().reduce(gradients[0]) { $0 + $1 } * (1 / Double(gradients.count))
}

/// K-FAC: the mean gradient alone.
private func unprojectedSteps(_ base: LayerTensors, _ B: Tensor, _ policy: EtaPolicy) -> ProjectedSteps {
    let zero = B.zerosLike()
    let eta = policy == .sum ? B.onesLike() * 2 : B.onesLike()
    let scalars = ProjectionScalars(s: zero, beta: zero, eta: eta, B: B, D: zero, E: zero, cross: zero, square: zero)
    return ProjectedSteps(base: base, corrections: [], weights: [], scalars: scalars)
}

/// s = <g_diff, F g_avg> / (<g_avg, F g_avg> + eps) (equation 4), for each difference.
/// - Parameter image: F g_avg.
private func projectionCoefficients(
    _ differences: [LayerTensors], on average: LayerTensors, image: LayerTensors
) -> [Tensor] {
    let square = average.inner(image)
    return differences.map { relativeQuotient($0.inner(image), square, terms: [square]) }
}

/// One vector over layers as it is, several as a matrix.
private func joined(_ vectors: [Tensor]) -> Tensor { vectors.count == 1 ? vectors[0] : Tensor.stacked(vectors) }
