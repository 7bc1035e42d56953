import TorchCore

/// X <- rho X + (1 - rho) X_new, started from the first X_new.
struct MovingAverage {
    private(set) var value: Tensor?

    init(_ value: Tensor? = nil) { self.value = value }

    /// Takes in a new observation. Where `isFinite` (a truth value without dimensions) is false, nothing changes.
    mutating func update(with observation: Tensor, decay: Double, isFinite: Tensor) {
        guard let value else {
            // Nothing to go back to: start from zero, which damping alone makes invertible. Row by row in memory, as a
            // saved state has it.
            self.value = Tensor.select(isFinite, observation, observation.zerosLike()).contiguous()
            return
        }
        let end = Tensor.select(isFinite, observation, value)
        value.lerpInPlace(to: end, weight: Tensor.full([], 1 - decay, dtype: value.dtype, device: value.device))
    }
}
