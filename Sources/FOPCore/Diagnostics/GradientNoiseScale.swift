import TorchCore

/// The gradient noise scale B = tr(Sigma) / |G|^2 (McCandlish et al. 2018, equation 2.8): about the batch size beyond
/// which more examples no longer pay.
///
/// Estimated from gradients of two batch sizes (their appendix A.1): the sub-batches' and the whole batch's, which the
/// step has anyway. Numerator and denominator have moving averages of their own.
struct GradientNoiseScale {
    private var variance = MovingAverage()
    private var square = MovingAverage()
    private let decay = 0.95

    /// - Parameters:
    ///   - variance, square: an ``estimate`` to go on from; nil to begin anew.
    init(variance: Tensor? = nil, square: Tensor? = nil) {
        self.variance = MovingAverage(variance?.cloned())
        self.square = MovingAverage(square?.cloned())
    }

    /// - Parameters:
    ///   - subBatchSquare: the mean over the sub-batches of |g|^2.
    ///   - batchSquare: |g_avg|^2.
    ///   - batch, subBatch: how many examples either is a mean over.
    mutating func update(
        subBatchSquare: Tensor, batchSquare: Tensor, batch: Double, subBatch: Double, isFinite: Tensor
    ) {
        guard subBatch < batch else { return }
        let noise = (subBatchSquare - batchSquare) * (1 / (1 / subBatch - 1 / batch))
        let signal = (batchSquare * batch - subBatchSquare * subBatch) * (1 / (batch - subBatch))
        variance.update(with: noise, decay: decay, isFinite: isFinite)
        square.update(with: signal, decay: decay, isFinite: isFinite)
    }

    /// tr(Sigma) and |G|^2, or nil before the first step.
    var estimate: (variance: Tensor, square: Tensor)? {
        guard let variance = variance.value, let square = square.value else { return nil }
        return (variance, square)
    }
}
