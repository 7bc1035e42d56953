import TorchCore

extension FisherPreconditioner {
    /// What the gradient noise scale is averaged from, in states of runs that measure it.
    public static let noiseShapes: [String: [Int]] = ["noise_square": [], "noise_variance": []]

    /// What is known of a block where curvature is staggered, in states of runs that do so.
    public static let turn = (key: "turn", shape: CurvatureSchedule.Entry.shape)

    /// Everything a resumed run needs: `counters`, `damping`, `<block name>.<key>`, `noise_square` and
    /// `noise_variance` where they were measured, and `<block name>.turn` where curvature is staggered.
    /// - Parameters:
    ///   - names: one per block.
    ///   - includingCurvature: whether moving averages and inverses are part of it. Without them the first step after loading
    ///     estimates them anew.
    public func state(names: [String], includingCurvature: Bool = true) -> [String: Tensor] {
        var state = ["counters": counters, "damping": Tensor(damping ?? -1)]
        if let (variance, square) = noise.estimate {
            state["noise_variance"] = variance
            state["noise_square"] = square
        }
        guard includingCurvature else { return state }
        for (name, block) in zip(names, blocks) {
            for (key, tensor) in block.state { state["\(name).\(key)"] = tensor }
        }
        guard configuration.staggersCurvature else { return state }
        for (name, entry) in zip(names, schedule.entries) {
            state["\(name).\(Self.turn.key)"] = entry.tensor
        }
        return state
    }

    /// The shapes that a saved state can have, by name.
    public func stateShapes(names: [String]) -> [String: [Int]] {
        var shapes = Self.noiseShapes.merging(["counters": [4], "damping": []]) { one, _ in one }
        for (name, block) in zip(names, blocks) {
            for (key, shape) in block.stateShapes { shapes["\(name).\(key)"] = shape }
            shapes["\(name).\(Self.turn.key)"] = Self.turn.shape
        }
        return shapes
    }

    /// Goes on from a saved state, which must have the shapes of ``stateShapes(names:)``.
    public func load(_ state: [String: Tensor], names: [String]) {
        var hasCurvature = false
        for (name, block) in zip(names, blocks) {
            let own = block.stateShapes.keys.compactMap { key in state["\(name).\(key)"].map { (key, $0) } }
            hasCurvature = hasCurvature || !own.isEmpty
            block.load(Dictionary(uniqueKeysWithValues: own))
        }
        noise = GradientNoiseScale(variance: state["noise_variance"], square: state["noise_square"])
        if let damping = state["damping"]?.item(as: Double.self) { self.damping = damping < 0 ? nil : damping }
        let saved = state["counters"]?.scalars(as: Int.self) ?? [0, -1, -1, 0]
        func sinceUpdate(_ steps: Int) -> Int? { hasCurvature && steps >= 0 ? steps : nil }
        discard()
        schedule.clock = UpdateClock(
            steps: saved[0], sinceFactors: sinceUpdate(saved[1]), sinceInverses: sinceUpdate(saved[2]),
            largestBatchSize: saved[3])
        schedule.entries = names.map { name in
            let saved = hasCurvature && configuration.staggersCurvature ? state["\(name).\(Self.turn.key)"] : nil
            return saved.map { CurvatureSchedule.Entry($0) } ?? CurvatureSchedule.Entry()
        }
    }

    /// Steps taken, steps since the last factors and inverses (-1: never), and the size of the largest
    /// batch.
    private var counters: Tensor {
        let clock = schedule.clock
        return Tensor([clock.steps, clock.sinceFactors ?? -1, clock.sinceInverses ?? -1, clock.largestBatchSize])
    }
}
