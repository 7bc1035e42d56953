import TorchCore

/// What is kept of the factors A and G of one layer: their moving averages, their inverses, and the damping that these
/// were made with. A can be a matrix, a batch of such, or a diagonal.
struct FactorPair {
    private var averageA = MovingAverage()
    private var averageG = MovingAverage()
    private var inverseA, inverseG: Tensor?
    private var dampingA, dampingG: Tensor?

    /// The moving averages; nil before the first.
    var A: Tensor? { averageA.value }
    var G: Tensor? { averageG.value }
    var averages: (A: Tensor, G: Tensor)? {
        guard let A, let G else { return nil }
        return (A, G)
    }

    /// Those of the damped factors; nil before the first.
    var inverses: (A: Tensor, G: Tensor)? {
        guard let inverseA, let inverseG else { return nil }
        return (inverseA, inverseG)
    }

    /// What was added to the diagonals for them.
    var damping: (A: Tensor, G: Tensor)? {
        guard let dampingA, let dampingG else { return nil }
        return (dampingA, dampingG)
    }

    init() {}

    /// Moves the averages towards new factors, A and G; without any they stay.
    mutating func update(with factors: [Tensor], decay: Double, isFinite: Tensor) {
        guard factors.count == 2 else { return }
        averageA.update(with: factors[0], decay: decay, isFinite: isFinite)
        averageG.update(with: factors[1], decay: decay, isFinite: isFinite)
    }

    /// Puts new inverses in the place of the last ones.
    mutating func setInverses(_ A: Tensor, _ G: Tensor, damping: (input: Tensor, output: Tensor)) {
        (inverseA, inverseG) = (A, G)
        (dampingA, dampingG) = (damping.input, damping.output)
    }

    // MARK: State

    var state: [String: Tensor] {
        [
            "input_factor": A, "output_factor": G, "input_inverse": inverseA, "output_inverse": inverseG,
            "input_damping": dampingA, "output_damping": dampingG,
        ].compactMapValues { $0 }
    }

    /// - Parameter damping: the shape of what was added to either diagonal.
    static func stateShapes(input: [Int], output: [Int], damping: [Int]) -> [String: [Int]] {
        [
            "input_factor": input, "output_factor": output, "input_inverse": input, "output_inverse": output,
            "input_damping": damping, "output_damping": damping,
        ]
    }

    /// Copies of what was saved.
    init(_ state: [String: Tensor]) {
        averageA = MovingAverage(state["input_factor"]?.cloned())
        averageG = MovingAverage(state["output_factor"]?.cloned())
        (inverseA, inverseG) = (state["input_inverse"]?.cloned(), state["output_inverse"]?.cloned())
        (dampingA, dampingG) = (state["input_damping"]?.cloned(), state["output_damping"]?.cloned())
    }
}
