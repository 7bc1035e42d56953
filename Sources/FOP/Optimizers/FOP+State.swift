import FOPCore
import Torch

/// Names in a saved state: `<layer>.input_factor` and the like under `curvature.`, `<parameter>` under `momentum.`,
/// `<parameter>.<buffer>` under `fallback.`.
extension FOP {
    /// Counts, curvature, momentum and the fallback's buffers; and under `layout` the parameters' names and shapes, and
    /// what stands for each of them.
    public var state: [String: Tensor] { state(includingCurvature: true) }

    /// ``state`` with or without factors and inverses, which are most of it. Without them the first step after loading
    /// estimates the curvature anew, so that the run goes on well but not bit for bit.
    public func state(includingCurvature: Bool) -> [String: Tensor] {
        var state = counter.state
        state[StateLayout.key] = plan.layout.tensor
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
        var reader = StateReader(state)
        let saved = try reader.layout()
        let new = try StatePlaces(self, for: saved, state)
        let newCounter = try StepCounter(&reader)
        let newRates = try reader.tensor("learning_rates", shape: [learningRates.count]).scalars(as: Double.self)
        // Without factors it does not matter what kinds of blocks there were.
        let hasFactors = state.keys.contains { $0.hasPrefix("curvature.") && $0.dropFirst(10).contains(".") }
        if let saved, hasFactors { try new.plan.layout.checkTreatments(of: saved) }
        let newCurvature = try new.curvature(&reader)
        let newMomenta = try new.momenta.named.map { name, tensor in
            try reader.tensor("momentum.\(name)", shape: tensor.shape)
        }
        let newFallback = try new.fallback.read(&reader, prefix: "fallback.")
        try reader.finish()

        // Nothing from here on can be refused.
        discardGradients()
        (plan, momenta, fallback) = (new.plan, new.momenta, new.fallback)
        followPlan()
        counter = newCounter
        learningRates = newRates
        preconditioner.load(newCurvature, names: layers.map(\.name))
        for ((_, buffer), saved) in zip(momenta.named, newMomenta) { buffer.copy(from: saved) }
        fallback.load(newFallback)
    }
}

/// What an optimizer would have with a saved state in it: blocks and buffers, made without touching its own.
private struct StatePlaces {
    private(set) var plan: BlockPlan
    private(set) var momenta: MomentumBuffers
    private(set) var fallback: FallbackUpdate

    /// - Parameter saved: nil for states of format version 1.
    /// - Throws: ``TorchError/stateMismatch(_:)`` where the parameters are others.
    init(_ optimizer: FOP, for saved: StateLayout?, _ state: [String: Tensor]) throws {
        (plan, momenta, fallback) = (optimizer.plan, optimizer.momenta, optimizer.fallback)
        try plan.update()
        if let saved { try plan.layout.checkParameters(of: saved) }
        try plan.exclude(blocksInTheFallback(saved, state))
        momenta.follow(plan.blocks.flatMap(\.parameters), optimizer.grouping)
        fallback.follow(plan.others, optimizer.grouping)
    }

    /// The blocks whose parameters had none when the state was saved: where the loss reaches them shows at a backward
    /// pass.
    private func blocksInTheFallback(_ saved: StateLayout?, _ state: [String: Tensor]) -> [Int] {
        let treatments = saved?.treatments ?? [:]
        return plan.blocks.indices.filter { index in
            plan.blocks[index].parameters.contains { name, _ in
                treatments[name] == BlockKind.fallback.rawValue
                    || ["momentum", "step"].contains { state["fallback.\(name).\($0)"] != nil }
            }
        }
    }

    /// Factors and inverses can be missing, all of them or those of layers that nothing has passed through; of one
    /// block all are there or none.
    func curvature(_ reader: inout StateReader) throws -> [String: Tensor] {
        let prefix = "curvature."
        // -1 is the damping that goes by the batch.
        var found = ["damping": Tensor(try reader.number(prefix + "damping", minimum: -1))]
        found["counters"] = try reader.counts(prefix + "counters", count: 4, minimum: -1)
        let noise = FisherPreconditioner.noiseShapes.sorted { $0.key < $1.key }
        for (name, shape) in noise where noise.contains(where: { reader.has(prefix + $0.key) }) {
            found[name] = converted(try reader.tensor(prefix + name, shape: shape))
        }
        for (name, block) in zip(plan.blocks.map(\.name), plan.blocks.map(\.block)) {
            let turn = FisherPreconditioner.turn
            if reader.has("\(prefix)\(name).\(turn.key)") {
                found["\(name).\(turn.key)"] = try reader.tensor("\(prefix)\(name).\(turn.key)", shape: turn.shape)
            }
            let shapes = block.stateShapes.sorted { $0.key < $1.key }
            guard shapes.contains(where: { reader.has("\(prefix)\(name).\($0.key)") }) else { continue }
            for (key, shape) in shapes {
                found["\(name).\(key)"] = converted(try reader.tensor("\(prefix)\(name).\(key)", shape: shape))
            }
        }
        return found
    }

    /// In the type and on the device of the model's factors.
    private func converted(_ tensor: Tensor) -> Tensor {
        guard let first = plan.blocks.first?.parameters.first?.parameter.value else { return tensor }
        return tensor.to(first.device).to(first.dtype == .float64 ? .float64 : .float32)
    }
}
