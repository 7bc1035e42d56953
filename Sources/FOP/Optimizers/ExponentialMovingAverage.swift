import Torch

/// A moving average of a model's weights, which often generalises better than the last weights: torch's `AveragedModel`
/// with `get_ema_multi_avg_fn`.
///
/// ```swift
/// let average = try ExponentialMovingAverage(model, decay: 0.999)
/// for batch in batches {
///     …
///     try optimizer.step()
///     average.update()
/// }
/// let accuracy = average.withAveragedWeights { evaluate(model) }
/// ```
public final class ExponentialMovingAverage {
    /// The share of the average that an update keeps, 0 to 1.
    public let decay: Double
    /// Whether buffers, such as batch normalisation's running statistics, are averaged too; else they are the model's
    /// latest.
    public let averagesBuffers: Bool
    /// How many updates there were.
    public private(set) var updateCount = 0

    private let parameters: [(name: String, parameter: Parameter, average: Tensor)]
    private let buffers: [(name: String, buffer: Buffer, average: Tensor)]

    /// Starts from the model's present weights.
    /// - Throws: ``TorchError/invalidValue(_:)`` for a decay outside of 0 to 1.
    public init(_ model: Module, decay: Double = 0.999, averagingBuffers: Bool = false) throws {
        var checks = SettingChecks()
        checks.require(decay >= 0 && decay <= 1, "decay", decay, "a number from 0 to 1")
        try throwProblems(checks.problems)
        self.decay = decay
        averagesBuffers = averagingBuffers
        parameters = model.namedParameters.map { ($0.name, $0.parameter, $0.parameter.value.detached().cloned()) }
        buffers = model.namedBuffers.map { ($0.name, $0.buffer, $0.buffer.value.detached().cloned()) }
    }

    /// Takes the model's present weights in. The first update copies them, as torch's does.
    public func update() {
        withoutGradients {
            var pairs = parameters.map { (average: $0.average, current: $0.parameter.value.detached()) }
            let bufferPairs = buffers.map { (average: $0.average, current: $0.buffer.value.detached()) }
            if averagesBuffers { pairs += bufferPairs } else { copy(bufferPairs) }
            if updateCount == 0 { copy(pairs) } else { blend(pairs) }
        }
        updateCount += 1
    }

    private typealias Pair = (average: Tensor, current: Tensor)

    private func copy(_ pairs: [Pair]) {
        for (average, current) in pairs { average.copy(from: current) }
    }

    private func blend(_ pairs: [Pair]) {
        for (kind, pairs) in grouped(pairs, by: { TensorKind($0.average) }) {
            let averages = pairs.map(\.average)
            let current = pairs.map { $0.current.to(kind.device).to(kind.dtype) }
            if kind.dtype.isFloatingPoint {
                averages.lerpInPlace(to: current, weight: 1 - decay)
            } else {
                // Counts, such as that of batches: torch cuts the fraction off.
                for (average, current) in zip(averages, current) {
                    average.copy(from: average.to(.float32) * decay + current.to(.float32) * (1 - decay))
                }
            }
        }
    }

    /// Runs `body` with the averaged weights and buffers in the model, and puts the model's own back. Nothing is
    /// copied.
    public func withAveragedWeights<Result>(_ body: () throws -> Result) rethrows -> Result {
        let values = parameters.map(\.parameter.value)
        let bufferValues = buffers.map(\.buffer.value)
        for (_, parameter, average) in parameters { parameter.value = average.detached() }
        for (_, buffer, average) in buffers { buffer.value = average }
        defer {
            for ((_, parameter, _), value) in zip(parameters, values) { parameter.value = value }
            for ((_, buffer, _), value) in zip(buffers, bufferValues) { buffer.value = value }
        }
        return try body()
    }

    /// Makes the averaged weights and buffers the model's own.
    public func assignToModel() {
        withoutGradients {
            for (_, parameter, average) in parameters { parameter.value.detached().copy(from: average) }
            for (_, buffer, average) in buffers { buffer.value.copy(from: average) }
        }
    }

    // MARK: State

    /// The averages under the model's names, and how many updates there were. The tensors are the average's own: save
    /// or copy them.
    public var state: [String: Tensor] {
        var state = ["update_count": Tensor(updateCount)]
        for (name, _, average) in parameters { state["average.\(name)"] = average }
        for (name, _, average) in buffers { state["average.\(name)"] = average }
        return state
    }

    /// Goes on from a saved ``state``.
    /// - Throws: ``TorchError/stateMismatch(_:)`` naming the first key or shape that differs; then nothing has changed.
    public func load(_ state: [String: Tensor]) throws {
        var reader = StateReader(state)
        let count = try reader.count("update_count")
        let averages = parameters.map { ($0.name, $0.average) } + buffers.map { ($0.name, $0.average) }
        let saved = try averages.map { name, average in
            try reader.tensor("average.\(name)", shape: average.shape)
        }
        try reader.finish()
        for ((_, average), saved) in zip(averages, saved) { average.copy(from: saved) }
        updateCount = count
    }
}
