import Torch

/// An optimizer whose gathered gradients can be clipped between ``Optimizer/backward(_:)`` and ``Optimizer/step()``.
public protocol GradientClipping: Optimizer {
    /// Shortens all gradients together so that their Euclidean norm is at most `maximum`, as torch's `clip_grad_norm_`.
    /// With several processes that of their mean, which takes one more exchange of all gradients.
    /// - Returns: the norm before: a float64 tensor without dimensions, 0 without gradients. Reading it waits for the
    ///   device.
    /// - Throws: ``TorchError/invalidValue(_:)`` for a maximum that is not above 0.
    @discardableResult func clipGradientNorm(maximum: Double) throws -> Tensor
}

extension GradientStore {
    /// See ``GradientClipping/clipGradientNorm(maximum:)``.
    mutating func clipNorm(maximum: Double) throws -> Tensor {
        try check(maximum)
        guard let norm else { return Tensor.zeros([], dtype: .float64) }
        scale(by: clippingFactor(norm: norm, maximum: maximum))
        return norm
    }

    /// See ``GradientOptimizer/clipGradientValues(maximum:)``.
    mutating func clipValues(maximum: Double) throws {
        try check(maximum)
        clamp(to: maximum)
    }

    private func check(_ maximum: Double) throws { try checkClippingMaximum(maximum) }
}

/// What gradients of a Euclidean norm are multiplied with to be no longer than `maximum`.
func clippingFactor(norm: Tensor, maximum: Double) -> Tensor {
    // Torch adds the small number too.
    let factor = maximum / (norm + 1e-6)
    return factor.minimum(factor.onesLike())
}

func checkClippingMaximum(_ maximum: Double) throws {
    guard maximum > 0 else { throw TorchError.invalidValue("maximum is \(maximum): use a number above 0") }
}
