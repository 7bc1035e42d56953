import Torch

/// An optimizer whose gathered gradients can be clipped between ``Optimizer/backward(_:)`` and ``Optimizer/step()``.
public protocol GradientClipping: Optimizer {
    /// Shortens all gradients together so that their Euclidean norm is at most `maximum`, as torch's `clip_grad_norm_`.
    /// - Returns: the norm before: a float64 tensor without dimensions, 0 without gradients. Reading it waits for the
    ///   device.
    /// - Throws: ``TorchError/invalidValue(_:)`` for a maximum that is not above 0.
    @discardableResult func clipGradientNorm(maximum: Double) throws -> Tensor

    /// Moves every element of the gradients into `-maximum...maximum`, as torch's `clip_grad_value_`.
    /// - Throws: ``TorchError/invalidValue(_:)`` for a maximum that is not above 0.
    func clipGradientValues(maximum: Double) throws
}

extension GradientStore {
    /// See ``GradientClipping/clipGradientNorm(maximum:)``.
    mutating func clipNorm(maximum: Double) throws -> Tensor {
        try check(maximum)
        guard let norm else { return Tensor.zeros([], dtype: .float64) }
        // Torch adds the small number too.
        let factor = maximum / (norm + 1e-6)
        scale(by: factor.minimum(factor.onesLike()))
        return norm
    }

    /// See ``GradientClipping/clipGradientValues(maximum:)``.
    mutating func clipValues(maximum: Double) throws {
        try check(maximum)
        clamp(to: maximum)
    }

    private func check(_ maximum: Double) throws {
        guard maximum > 0 else { throw TorchError.invalidValue("maximum is \(maximum): use a number above 0") }
    }
}
