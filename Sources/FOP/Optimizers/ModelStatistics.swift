import Torch

/// The buffers of a model, such as batch normalisation's running statistics: they keep what the forward passes of a
/// step did to them only if the step was taken.
struct ModelStatistics {
    private let buffers: [Buffer]

    init(_ model: Module) { buffers = model.namedBuffers.map(\.buffer) }

    /// What a step needs to know on the host.
    struct Verdict {
        /// Whether everything is finite that the step goes by.
        let isFinite: Bool
        /// Whether everything is finite that its forward passes made of the buffers: a variance may overflow where
        /// loss and gradients do not.
        let areStatisticsFinite: Bool
    }

    /// Waits for the device, once for both findings.
    /// - Parameter isFinite: whether everything is finite that the step goes by.
    func read(_ isFinite: Tensor) -> Verdict {
        guard let areFinite = Buffer.proposalsAreFinite(buffers) else {
            return Verdict(isFinite: isFinite.item(as: Bool.self), areStatisticsFinite: true)
        }
        let both = Tensor.stacked([isFinite.to(areFinite.device), areFinite]).scalars(as: Bool.self)
        return Verdict(isFinite: both[0], areStatisticsFinite: both[1])
    }

    /// Keeps what the forward passes since the last step did, if the step was taken, or takes it back.
    func finishStep(_ verdict: Verdict) {
        for buffer in buffers {
            if verdict.isFinite { buffer.settle(isFinite: verdict.areStatisticsFinite) } else { buffer.revert() }
        }
    }

    /// Runs `body`, whose forward passes leave the buffers as they are.
    func preserved<Result>(_ body: () throws -> Result) rethrows -> Result {
        let values = buffers.map { $0.value.cloned() }
        defer { for (buffer, value) in zip(buffers, values) { buffer.value = value } }
        return try body()
    }
}
