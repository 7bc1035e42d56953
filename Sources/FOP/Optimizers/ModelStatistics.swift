import Torch

/// The buffers of a model, such as batch normalisation's running statistics: they keep what the forward passes of a
/// step did to them only if the step was taken.
struct ModelStatistics {
    private let buffers: [Buffer]

    init(_ model: Module) { buffers = model.namedBuffers.map(\.buffer) }

    /// Keeps what the forward passes since the last step did, or takes it back.
    func finishStep(isApplied: Bool) {
        for buffer in buffers { if isApplied { buffer.settle() } else { buffer.revert() } }
    }

    /// Runs `body`, whose forward passes leave the buffers as they are.
    func preserved<Result>(_ body: () throws -> Result) rethrows -> Result {
        let values = buffers.map { $0.value.cloned() }
        defer { for (buffer, value) in zip(buffers, values) { buffer.value = value } }
        return try body()
    }
}
