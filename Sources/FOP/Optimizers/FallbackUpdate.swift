import FOPCore
import Torch

/// Updates the parameters that no Fisher block stands for.
struct FallbackUpdate {
    private let options: FOPOptions
    private var store: GradientStore
    private var buffers: [String: [String: Tensor]] = [:]

    init(options: FOPOptions) {
        store = GradientStore([])
        self.options = options
    }

    /// Looks after these parameters from now on, frozen ones among them, between steps. Buffers are kept for what
    /// trains.
    mutating func follow(_ parameters: [(name: String, parameter: Parameter)], _ grouping: ParameterGrouping) {
        store = GradientStore(parameters)
        let before = buffers
        buffers = [:]
        for (name, parameter) in parameters where parameter.requiresGradient {
            buffers[name] = bufferKinds(grouping.settings(of: parameter)).reduce(into: [:]) { kinds, kind in
                kinds[kind] = before[name]?[kind] ?? newBuffer(kind, parameter.value)
            }
        }
    }

    private func bufferKinds(_ settings: FOPGroupSettings) -> [String] {
        switch options.fallback.rule {
        case .sgd: settings.momentum == 0 ? [] : ["momentum"]
        case .adamW: ["average", "square", "step"]
        }
    }

    /// The parameters with their names.
    var parameters: [(name: String, parameter: Parameter)] { store.parameters }

    /// The indices of those that train at the moment.
    var trainable: [Int] { store.trainable }

    /// The values of the parameters with these indices, as inputs of a backward pass.
    func values(_ indices: [Int]) -> [Tensor] { store.values(indices) }

    /// Adds gradients of the parameters with these indices.
    mutating func add(_ gradients: [Tensor?], of indices: [Int]) { store.add(gradients, of: indices) }

    mutating func discard() { store.discard() }

    /// Whether all gradients are finite; nil without any.
    var gradientsAreFinite: Tensor? { store.areFinite }

    /// The gradients gathered since the last step.
    var gradients: [Tensor] { store.present }

    /// Makes the gradients the means over all processes.
    mutating func average(over processes: any ProcessReduction, lossScale: Double) {
        store.average(over: processes) { Self.noGradient($0, lossScale) }
    }

    /// The means over all processes of the gradients as they are, of everything that trains.
    func means(over processes: any ProcessReduction, lossScale: Double) -> [Tensor] {
        guard processes.processes > 1 else { return store.present }
        return processes.mean(store.complete { Self.noGradient($0, lossScale) })
    }

    /// Of the type that gradients have.
    private static func noGradient(_ parameter: Parameter, _ lossScale: Double) -> Tensor {
        unscaled([parameter.value.detached().zerosLike()], by: lossScale)[0]!
    }

    /// Multiplies every gradient by a tensor of one element.
    mutating func scale(by factor: Tensor) { store.scale(by: factor) }

    /// The sum over the parameters of what a change of them does to the loss, to first order; nil without gradients.
    func predictedChange(_ change: (Parameter) -> Tensor) -> Tensor? {
        let terms = zip(parameters, store.all).compactMap { named, gradient in
            gradient.map { change(named.parameter).inner($0) }
        }
        return terms.isEmpty ? nil : Tensor.stacked(terms).sum()
    }

    /// Updates what has a gradient, and lets go of the gradients; changes nothing where `foundInfinity` is 1.
    mutating func apply(_ grouping: ParameterGrouping, foundInfinity: Tensor) {
        let taken = store.take()
        let active = parameters.filter { taken[ObjectIdentifier($0.parameter)] != nil }
        for (group, members) in grouped(active, by: { grouping.group(of: $0.parameter) }) {
            update(
                members, gradients: members.compactMap { taken[ObjectIdentifier($0.parameter)] },
                settings: grouping.settings[group],
                learningRate: grouping.rates.current[group] * options.fallback.learningRateScale,
                foundInfinity: foundInfinity)
        }
    }

    private func update(
        _ active: [(name: String, parameter: Parameter)], gradients: [Tensor], settings: FOPGroupSettings,
        learningRate: Double, foundInfinity: Tensor
    ) {
        let values = active.map(\.parameter.value)
        switch options.fallback.rule {
        case .sgd:
            applyDecoupledWeightDecay(
                values, learningRate: learningRate, decay: settings.weightDecay, foundInfinity: foundInfinity)
            applySGD(
                values, gradients: gradients, buffers: settings.momentum == 0 ? [] : buffer("momentum", active),
                learningRate: learningRate, momentum: settings.momentum, foundInfinity: foundInfinity)
        case .adamW(let betas, let epsilon):
            applyAdamW(
                values, gradients: gradients, averages: buffer("average", active), squares: buffer("square", active),
                steps: buffer("step", active), learningRate: learningRate, betas: betas, epsilon: epsilon,
                weightDecay: settings.weightDecay, foundInfinity: foundInfinity)
        }
    }

    /// One state tensor per parameter.
    private func buffer(_ kind: String, _ active: [(name: String, parameter: Parameter)]) -> [Tensor] {
        active.compactMap { buffers[$0.name]?[kind] }
    }

    private func newBuffer(_ kind: String, _ value: Tensor) -> Tensor {
        kind == "step" ? Tensor.zeros([], device: value.device) : value.detached().zerosLike()
    }

    // MARK: State

    /// The buffers as `<parameter>.<buffer>`.
    var state: [String: Tensor] {
        var state: [String: Tensor] = [:]
        for (name, kinds) in buffers {
            for (kind, buffer) in kinds { state["\(name).\(kind)"] = buffer }
        }
        return state
    }

    /// The saved buffers, copied into new ones of the parameters' types and devices.
    func read(_ reader: inout StateReader, prefix: String) throws -> [String: [String: Tensor]] {
        var found: [String: [String: Tensor]] = [:]
        for (name, parameter) in parameters {
            for kind in buffers[name, default: [:]].keys.sorted() {
                let buffer = newBuffer(kind, parameter.value)
                buffer.copy(from: try reader.tensor("\(prefix)\(name).\(kind)", shape: buffer.shape))
                found[name, default: [:]][kind] = buffer
            }
        }
        return found
    }

    mutating func load(_ buffers: [String: [String: Tensor]]) { self.buffers = buffers }
}
