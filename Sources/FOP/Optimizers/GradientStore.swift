import FOPCore
import Torch

/// The gradients of some parameters, gathered over one or more backward passes since the last step.
struct GradientStore {
    /// Those it looks after, also frozen ones: they can be unfrozen later.
    let parameters: [(name: String, parameter: Parameter)]
    private var gradients: [Tensor?]

    init(_ parameters: [(name: String, parameter: Parameter)]) {
        self.parameters = parameters
        gradients = Array(repeating: nil, count: parameters.count)
    }

    /// The indices of those that train at the moment.
    var trainable: [Int] { parameters.indices.filter { parameters[$0].parameter.requiresGradient } }

    /// The values of the parameters with these indices, as inputs of a backward pass.
    func values(_ indices: [Int]) -> [Tensor] { indices.map { parameters[$0].parameter.value } }

    /// Adds the gradients of the parameters with these indices; nil is no part in the loss.
    mutating func add(_ new: [Tensor?], of indices: [Int]) {
        var repeated: [(index: Int, first: Tensor, second: Tensor)] = []
        for (index, gradient) in zip(indices, new) {
            guard let gradient else { continue }
            if let first = gradients[index] {
                repeated.append((index, first, gradient))
            } else {
                gradients[index] = gradient
            }
        }
        guard !repeated.isEmpty else { return }
        // Not in place: autograd may hand out one tensor for two inputs.
        for (sum, place) in zip(repeated.map(\.first).adding(repeated.map(\.second)), repeated) {
            gradients[place.index] = sum
        }
    }

    /// Hands out the gradients of what still trains, by parameter, and lets go of all.
    mutating func take() -> [ObjectIdentifier: Tensor] {
        defer { discard() }
        var taken: [ObjectIdentifier: Tensor] = [:]
        for index in trainable { taken[ObjectIdentifier(parameters[index].parameter)] = gradients[index] }
        return taken
    }

    /// Lets go of all gradients.
    mutating func discard() { gradients = gradients.map { _ in nil } }

    /// The gradient of each parameter that trains; `empty` makes those that there are none of.
    func complete(_ empty: (Parameter) -> Tensor) -> [Tensor] {
        trainable.map { gradients[$0] ?? empty(parameters[$0].parameter) }
    }

    /// The gradient of each parameter; nil for those that have none.
    var all: [Tensor?] { gradients }

    /// The gradients that there are.
    var present: [Tensor] { gradients.compactMap { $0 } }

    /// Whether there are any gradients.
    var isEmpty: Bool { gradients.allSatisfy { $0 == nil } }

    /// Makes the gradients the means over all processes; those that no process has stay away.
    /// - Parameter empty: the gradient of a parameter that this process has none for.
    mutating func average(over processes: any ProcessReduction, empty: (Parameter) -> Tensor) {
        let indices = trainable
        guard !indices.isEmpty else { return }
        let own = indices.map { gradients[$0] == nil ? 0.0 : 1 }
        let filled = complete(empty)
        // As the gradients are, so that all travel in their type and nothing comes back to the host.
        let means = processes.mean(filled + [Tensor(own, device: filled[0].device).to(.float32)])
        // Waits for the device only where others may have what this process has not.
        let shares = own.contains(0) ? means[indices.count].scalars(as: Double.self) : own
        for (place, index) in indices.enumerated() { gradients[index] = shares[place] > 0 ? means[place] : nil }
    }

    /// Whether all gradients are finite, on their device; nil without any.
    var areFinite: Tensor? {
        // Empty tensors have no largest magnitude.
        let present = present.filter { $0.count > 0 }
        guard let first = present.first else { return nil }
        let findings = grouped(present, by: canBeWritten).map { canBeWritten, gradients in
            canBeWritten
                ? gradients.nonFiniteFound().elementsEqual(0)
                : gathered(gradients.norms(order: .infinity), on: gradients[0].device).allFinite()
        }
        return findings.dropFirst().reduce(findings[0].to(first.device)) { $0.logicalAnd($1.to(first.device)) }
    }

    /// The Euclidean norm of all gradients together; nil without any.
    var norm: Tensor? { totalNorm(present) }

    /// Multiplies every gradient by a tensor of one element.
    mutating func scale(by factor: Tensor) {
        transform { gradients, kind in gradients.multiplied(by: factor.to(kind.device).to(kind.dtype)) }
    }

    /// Moves every element into `-bound...bound`.
    mutating func clamp(to bound: Double) { transform { gradients, _ in gradients.clamped(to: bound) } }

    /// Replaces all gradients, those of one type and device together.
    private mutating func transform(_ body: ([Tensor], TensorKind) -> [Tensor]) {
        let present = gradients.indices.filter { gradients[$0] != nil }
        for (kind, indices) in grouped(present, by: { TensorKind(gradients[$0]!) }) {
            for (index, gradient) in zip(indices, body(indices.map { gradients[$0]! }, kind)) {
                gradients[index] = gradient
            }
        }
    }

}

/// The Euclidean norm of all tensors together, as a float64 number; nil without any.
func totalNorm(_ tensors: [Tensor]) -> Tensor? {
    guard let first = tensors.first else { return nil }
    return gathered(tensors.norms(order: 2), on: first.device).norm()
}

/// Whether ``nonFiniteFound()`` takes a gradient, several times as fast as norms are on the CPU. It writes the elements
/// back: of an expanded tensor, the gradient of a sum, many are one place in memory.
private func canBeWritten(_ gradient: Tensor) -> Bool {
    gradient.device.kind == .cpu && gradient.dtype.isFloatingPoint
        && !zip(gradient.shape, gradient.strides).contains { $0 > 1 && $1 == 0 }
}

private func gathered(_ scalars: [Tensor], on device: Device) -> Tensor {
    Tensor.stacked(scalars.map { $0.to(device).to(.float64) })
}
