import FOPCore
import Torch

/// Names in a saved state: `<layer>.input_factor` and the like under `curvature.`, `<parameter>` under `momentum.`,
/// `<parameter>.<buffer>` under `fallback.`.
extension FOP {
    /// Counts, curvature, momentum and the fallback's buffers.
    public var state: [String: Tensor] { state(includingCurvature: true) }

    /// ``state`` with or without factors and inverses, which are most of it. Without them the first step after loading
    /// estimates the curvature anew, so that the run goes on well but not bit for bit.
    public func state(includingCurvature: Bool) -> [String: Tensor] {
        var state = counter.state
        state["learning_rates"] = Tensor(learningRates)
        let curvature = preconditioner.state(names: layers.map(\.name), includingCurvature: includingCurvature)
        for (name, tensor) in curvature { state["curvature.\(name)"] = tensor }
        for (name, tensor) in momenta.named { state["momentum.\(name)"] = tensor }
        for (name, tensor) in fallback.state { state["fallback.\(name)"] = tensor }
        return state
    }

    /// Goes on from a saved ``state``, of any type and on any device. What is frozen has to be as it was then.
    /// Gradients gathered since the last step are let go.
    public func load(_ state: [String: Tensor]) throws {
        discardGradients()
        try updatePlan()
        let others = blocksInTheFallback(of: state)
        guard !others.isEmpty else { return try read(state) }
        let before = (plan, momenta, fallback)
        try excludeBlocks(others)
        do { try read(state) } catch {
            (plan, momenta, fallback) = before
            followPlan()
            throw error
        }
    }

    private func read(_ state: [String: Tensor]) throws {
        var reader = StateReader(state)
        let newCounter = try StepCounter(&reader)
        let newRates = try reader.tensor("learning_rates", shape: [learningRates.count]).scalars(as: Double.self)
        let newCurvature = try readCurvature(&reader, state)
        let newMomenta = try momenta.named.map { name, tensor in
            try reader.tensor("momentum.\(name)", shape: tensor.shape)
        }
        let newFallback = try fallback.read(&reader, prefix: "fallback.")
        try reader.finish()
        counter = newCounter
        learningRates = newRates
        preconditioner.load(newCurvature, names: layers.map(\.name))
        for ((_, buffer), saved) in zip(momenta.named, newMomenta) { buffer.copy(from: saved) }
        fallback.load(newFallback)
    }

    /// The blocks whose parameters had none when the state was saved: where the loss reaches them shows at a backward
    /// pass.
    private func blocksInTheFallback(of state: [String: Tensor]) -> [Int] {
        layers.indices.filter { index in
            layers[index].parameters.contains { name, _ in
                ["momentum", "step"].contains { state["fallback.\(name).\($0)"] != nil }
            }
        }
    }

    private var modelDevice: Device { layers.first?.parameters.first?.parameter.value.device ?? .cpu }

    private var factorType: DType {
        layers.first?.parameters.first?.parameter.value.dtype == .float64 ? .float64 : .float32
    }

    /// Factors and inverses can be missing, all of them or those of layers that nothing has passed through.
    private func readCurvature(_ reader: inout StateReader, _ state: [String: Tensor]) throws -> [String: Tensor] {
        var found: [String: Tensor] = [:]
        let shapes = preconditioner.stateShapes(names: layers.map(\.name))
        for (name, shape) in shapes.sorted(by: { $0.key < $1.key }) {
            let isNumber = FisherPreconditioner.numberNames.contains(name)
            guard isNumber || reader.has("curvature.\(name)") else { continue }
            let tensor = try reader.tensor("curvature.\(name)", shape: shape)
            found[name] = isNumber ? tensor : tensor.to(modelDevice).to(factorType)
        }
        return found
    }
}
