import FOPCore
import Torch

/// Updates the parameters that no Fisher block stands for.
struct FallbackUpdate {
    /// All of them, also frozen ones: they can be unfrozen later.
    let parameters: [(name: String, parameter: Parameter)]
    private let options: FOPOptions
    private var gathered: [ObjectIdentifier: Tensor] = [:]
    private(set) var buffers: [String: [String: Tensor]] = [:]

    init(_ parameters: [(name: String, parameter: Parameter)], options: FOPOptions) {
        self.parameters = parameters
        self.options = options
    }

    /// Those that train at the moment.
    var trainable: [(name: String, parameter: Parameter)] { parameters.filter(\.parameter.requiresGradient) }

    /// Adds the gradients of ``trainable``, in their order.
    mutating func add(_ new: [Tensor?]) {
        for ((_, parameter), gradient) in zip(trainable, new) {
            guard let gradient else { continue }
            let id = ObjectIdentifier(parameter)
            gathered[id] = gathered[id].map { $0 + gradient } ?? gradient
        }
    }

    mutating func discard() { gathered = [:] }

    /// Whether all gradients are finite; nil without any.
    var gradientsAreFinite: Tensor? {
        gathered.isEmpty ? nil : Tensor.stacked(gathered.values.map { $0.sum().to(.float64) }).sum().isFinite()
    }

    /// Updates what has a gradient, and lets go of the gradients; changes nothing where `foundInfinity` is 1.
    mutating func apply(learningRate: Double, foundInfinity: Tensor) {
        let active = trainable.filter { gathered[ObjectIdentifier($0.parameter)] != nil }
        let gradients = active.compactMap { gathered[ObjectIdentifier($0.parameter)] }
        gathered = [:]
        guard !active.isEmpty else { return }
        let values = active.map(\.parameter.value)
        let rate = learningRate * options.fallback.learningRateScale
        switch options.fallback.rule {
        case .sgd:
            applyDecoupledWeightDecay(
                values, learningRate: rate, decay: options.weightDecay, foundInfinity: foundInfinity)
            applySGD(
                values, gradients: gradients, buffers: options.momentum == 0 ? [] : buffer("momentum", active),
                learningRate: rate, momentum: options.momentum, foundInfinity: foundInfinity)
        case .adamW(let betas, let epsilon):
            let steps = buffer("step", active) { Tensor.zeros([], device: $0.device) }
            applyAdamW(
                values, gradients: gradients, averages: buffer("average", active), squares: buffer("square", active),
                steps: steps, learningRate: rate, betas: betas, epsilon: epsilon, weightDecay: options.weightDecay,
                foundInfinity: foundInfinity)
        }
    }

    /// One state tensor per parameter, made when first asked for.
    private mutating func buffer(
        _ kind: String, _ active: [(name: String, parameter: Parameter)],
        make: (Tensor) -> Tensor = { $0.detached().zerosLike() }
    ) -> [Tensor] {
        active.map { name, parameter in
            if let existing = buffers[name]?[kind] { return existing }
            let new = make(parameter.value)
            buffers[name, default: [:]][kind] = new
            return new
        }
    }

    mutating func load(_ buffers: [String: [String: Tensor]]) { self.buffers = buffers }
}
