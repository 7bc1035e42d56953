import TorchCore

/// What the projection found for one layer: numbers without dimensions, on the layer's device.
public struct ProjectionScalars {
    /// The share of the mean gradient in the difference (equation 4).
    public var s: Tensor
    /// The weight of the orthogonal part (equation 16).
    public var beta: Tensor
    /// The length of the step (equation 17).
    public var eta: Tensor
    /// B = <g_avg, M^-1 g_avg> (equation 13).
    public var B: Tensor
    /// D = <g_avg, M^-1 g_perp>.
    public var D: Tensor
    /// E = <g_perp, M^-1 g_perp>.
    public var E: Tensor

    /// <g_avg, d> = eta (B + beta D): what the step is expected to gain, per unit of learning rate.
    public var gain: Tensor { eta * (B + beta * D) }
}

/// A layer's step before the learning rate: d = eta (u + beta v) (equation 18).
public struct ProjectedStep {
    /// u = M^-1 g_avg: K-FAC's step.
    public var base: Tensor
    /// v = M^-1 g_perp, the correction's direction; nil where beta is zero by policy.
    public var correction: Tensor?
    /// The closed forms.
    public var scalars: ProjectionScalars

    /// d, times `scale`.
    public func direction(scaledBy scale: Tensor? = nil) -> Tensor {
        let eta = scale.map { scalars.eta * $0 } ?? scalars.eta
        guard let correction else { return base * eta }
        return (base + correction * scalars.beta) * eta
    }
}

/// Fisher-orthogonal projection of two gradients, for one layer (section 3 of the algorithm, equations 3 to 18).
///
/// - Parameters:
///   - first, second: the mean gradients of the two sub-batches.
///   - metric: V -> F V, the product in which the difference is made orthogonal to the mean.
///   - preconditioner: V -> M^-1 V, linear and symmetric positive definite.
public func projectFisherOrthogonally(
    _ first: Tensor, _ second: Tensor, metric: (Tensor) -> Tensor, preconditioner: (Tensor) -> Tensor,
    beta betaPolicy: BetaPolicy = .paper, eta etaPolicy: EtaPolicy = .average
) -> ProjectedStep {
    let average = (first + second) * 0.5
    let base = preconditioner(average)
    let B = average.inner(base)
    if betaPolicy == .zero { return unprojectedStep(base, B, etaPolicy) }

    let difference = first - second
    let s = projectionCoefficient(difference, on: average, metric: metric)
    let perpendicular = difference - average * s
    let preconditionedDifference = preconditioner(difference)
    // M^-1 is linear: no second application for g_perp.
    let correction = preconditionedDifference - base * s
    let D = average.inner(correction)
    let E = perpendicular.inner(correction)
    // What E is the difference of: rounding leaves about 1e-14 of it when the gradients are parallel.
    let terms = [difference.inner(preconditionedDifference), s * s * B]
    let beta = correctionWeight(betaPolicy, B: B, D: D, E: E, terms: terms)
    let eta = stepLength(etaPolicy, beta: beta, B: B, D: D, E: E)
    return ProjectedStep(
        base: base, correction: correction,
        scalars: ProjectionScalars(s: s, beta: beta, eta: eta, B: B, D: D, E: E))
}

/// K-FAC: the mean gradient alone.
private func unprojectedStep(_ base: Tensor, _ B: Tensor, _ policy: EtaPolicy) -> ProjectedStep {
    let zero = B.zerosLike()
    let eta = policy == .sum ? B.onesLike() * 2 : B.onesLike()
    return ProjectedStep(
        base: base, correction: nil,
        scalars: ProjectionScalars(s: zero, beta: zero, eta: eta, B: B, D: zero, E: zero))
}

/// s = <g_diff, F g_avg> / (<g_avg, F g_avg> + eps) (equation 4).
private func projectionCoefficient(_ difference: Tensor, on average: Tensor, metric: (Tensor) -> Tensor) -> Tensor {
    let image = metric(average)
    let square = average.inner(image)
    return relativeQuotient(difference.inner(image), square, terms: [square])
}

/// beta = D / (E + eps) (equation 16), no longer than Cauchy and Schwarz allow: beta^2 E <= B.
private func correctionWeight(
    _ policy: BetaPolicy, B: Tensor, D: Tensor, E: Tensor, terms: [Tensor]
) -> Tensor {
    if case .fixed(let value) = policy { return B.onesLike() * value }
    let beta = relativeQuotient(D, E, terms: terms)
    // Holds by itself but for rounding, which matters when g_perp is nothing but rounding.
    let positive = E.isGreater(than: 0)
    let bound = Tensor.select(positive, (B / E).squareRoot(), E.zerosLike())
    return Tensor.select(positive, beta.minimum(bound).maximum(-bound), E.zerosLike())
}

/// eta = (B + beta D) / (B + 2 beta D + beta^2 E + eps) (equation 17).
private func stepLength(_ policy: EtaPolicy, beta: Tensor, B: Tensor, D: Tensor, E: Tensor) -> Tensor {
    if policy == .off { return B.onesLike() }
    let cross = beta * D
    let square = beta * beta * E
    let denominator = B + cross * 2 + square
    let eta = relativeQuotient(B + cross, denominator, terms: [B, cross, square])
    // Zero gradients: any length will do, and 1 is K-FAC's.
    let defined = Tensor.select(denominator.isGreater(than: 0), eta, B.onesLike())
    return policy == .sum ? defined * 2 : defined
}
