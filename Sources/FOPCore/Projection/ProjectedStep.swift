import TorchCore

/// What the projection found for one layer, on the layer's device. With two sub-batches every member is a number
/// without dimensions; with k of them s, beta and D have k - 1 elements and E is (k - 1) x (k - 1).
public struct ProjectionScalars {
    /// The share of the mean gradient in the difference (equation 4).
    public let s: Tensor
    /// The weight of the orthogonal part (equation 16).
    public let beta: Tensor
    /// The length of the step (equation 17).
    public let eta: Tensor
    /// B = <g_avg, M^-1 g_avg> (equation 13).
    public let B: Tensor
    /// D = <g_avg, M^-1 g_perp>.
    public let D: Tensor
    /// E = <g_perp, M^-1 g_perp>.
    public let E: Tensor
    /// beta D, a number.
    public let cross: Tensor
    /// beta^2 E, a number.
    public let square: Tensor

    /// One layer's, from those of several whose last dimension is the layer.
    func layer(_ index: Int) -> ProjectionScalars {
        func own(_ tensor: Tensor) -> Tensor { tensor.selected(-1, index) }
        return ProjectionScalars(
            s: own(s), beta: own(beta), eta: own(eta), B: own(B), D: own(D), E: own(E), cross: own(cross),
            square: own(square))
    }

    /// <g_avg, d> = eta (B + beta D): what the step is expected to gain, per unit of learning rate.
    public var gain: Tensor { eta * (B + cross) }
}

/// A layer's step before the learning rate: d = eta (u + beta v) (equation 18).
public struct ProjectedStep {
    /// u = M^-1 g_avg: K-FAC's step.
    public let base: Tensor
    /// v = M^-1 g_perp, the directions of the correction, one fewer than sub-batches; none where beta is zero by policy.
    public let corrections: [Tensor]
    /// The weight of each: beta.
    let weights: [Tensor]
    /// The closed forms.
    public let scalars: ProjectionScalars

    /// d, times `scale`.
    public func direction(scaledBy scale: Tensor? = nil) -> Tensor {
        let eta = scale.map { scalars.eta * $0 } ?? scalars.eta
        return zip(corrections, weights).reduce(base) { $0 + $1.0 * $1.1 } * eta
    }
}

/// The steps of several layers: every number is a vector with one element per layer.
struct ProjectedSteps {
    /// u = M^-1 g_avg, and below it v = M^-1 g_perp, by direction; u alone where beta is zero by policy.
    let preconditioned: LayerTensors
    /// beta, by direction.
    let weights: [Tensor]
    /// The closed forms; the last dimension is the layer.
    let scalars: ProjectionScalars

    /// d of each layer, times `scale`.
    func directions(scaledBy scale: Tensor? = nil) -> [Tensor] {
        let eta = scale.map { scalars.eta * $0 } ?? scalars.eta
        return preconditioned.combined(by: [eta] + weights.map { eta * $0 }).parts()
    }

    /// One layer's.
    func step(_ layer: Int) -> ProjectedStep {
        let rows = (0..<preconditioned.rows).map { preconditioned.parts(row: $0)[layer] }
        return ProjectedStep(
            base: rows[0], corrections: Array(rows.dropFirst()), weights: weights.map { $0.selected(-1, layer) },
            scalars: scalars.layer(layer))
    }
}

/// eta = (B + beta D) / (B + 2 beta D + beta^2 E + eps) (equation 17).
func stepLength(_ policy: EtaPolicy, B: Tensor, cross: Tensor, square: Tensor) -> Tensor {
    if policy == .off { return B.onesLike() }
    let denominator = B + cross * 2 + square
    let eta = relativeQuotient(B + cross, denominator, terms: [B, cross, square])
    // Zero gradients: any length will do, and 1 is K-FAC's.
    let defined = Tensor.select(denominator.isGreater(than: 0), eta, B.onesLike())
    return policy == .sum ? defined * 2 : defined
}
