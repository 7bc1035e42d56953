import TorchCore

/// What is kept of the factors A and G of one layer: their moving averages, their inverses, and the damping that these
/// were made with. A can be a matrix, a batch of such, or a diagonal.
struct FactorPair {
    private var averageA = MovingAverage()
    private var averageG = MovingAverage()
    private var inverseA, inverseG: Tensor?
    private var dampingA, dampingG: Tensor?
    /// Whether damping and inverting the averages as they are gives these inverses, bit for bit.
    private var isReproducible = false
    /// Whether inverses were let go of.
    private var isReleased = false

    /// The moving averages; nil before the first.
    var A: Tensor? { averageA.value }
    var G: Tensor? { averageG.value }
    var averages: (A: Tensor, G: Tensor)? {
        guard let A, let G else { return nil }
        return (A, G)
    }

    /// Those of the damped factors; nil before the first, and while they are released.
    var inverses: (A: Tensor, G: Tensor)? {
        guard let inverseA, let inverseG else { return nil }
        return (inverseA, inverseG)
    }

    /// Whether there are inverses, or they can be had.
    var isInverted: Bool { inverses != nil || isReleased }

    /// What was added to the diagonals for them.
    var damping: (A: Tensor, G: Tensor)? {
        guard let dampingA, let dampingG else { return nil }
        return (dampingA, dampingG)
    }

    init() {}

    /// Moves the averages towards new factors, A and G; without any they stay.
    mutating func update(with factors: [Tensor], decay: Double, isFinite: Tensor) {
        guard factors.count == 2 else { return }
        isReproducible = false
        averageA.update(with: factors[0], decay: decay, isFinite: isFinite)
        averageG.update(with: factors[1], decay: decay, isFinite: isFinite)
    }

    /// Puts new inverses in the place of the last ones.
    mutating func setInverses(_ A: Tensor, _ G: Tensor, damping: (input: Tensor, output: Tensor)) {
        (inverseA, inverseG) = (A, G)
        (dampingA, dampingG) = (damping.input, damping.output)
        (isReproducible, isReleased) = (false, false)
    }

    // MARK: Inverses of matrices

    /// Factors of fewer rows than this keep their inverses: a megabyte or so is not worth the time.
    static let leastReleasedRows = 1024

    /// Damps the averages and inverts them.
    mutating func invert(damping: Double) -> [InverseOutcome] {
        guard let (A, G) = averages else { return [] }
        let split = splitDamping(damping, input: A, output: G)
        let outcomes = setInverses(of: A, G, split)
        // Without damping an inversion can fail, and the last good inverse would be needed in its place.
        isReproducible = damping > 0 && !outcomes.contains(.kept)
        return outcomes
    }

    private mutating func setInverses(
        of A: Tensor, _ G: Tensor, _ damping: (input: Tensor, output: Tensor)
    ) -> [InverseOutcome] {
        let newA = robustInverse(addingToDiagonal(A, damping.input), last: inverseA)
        let newG = robustInverse(addingToDiagonal(G, damping.output), last: inverseG)
        setInverses(newA.inverse, newG.inverse, damping: damping)
        return [newA.outcome, newG.outcome]
    }

    /// Lets go of large inverses that ``restoreInverses()`` would give again bit for bit.
    mutating func releaseInverses() {
        guard isReproducible, let (A, G) = inverses,
            max(A.size(-1), G.size(-1)) >= Self.leastReleasedRows
        else { return }
        (inverseA, inverseG) = (nil, nil)
        isReleased = true
    }

    /// Computes released inverses again, with the damping that they had.
    mutating func restoreInverses() {
        guard isReleased, let (A, G) = averages, let damping else { return }
        let isReproducible = isReproducible
        _ = setInverses(of: A, G, (damping.A, damping.G))
        self.isReproducible = isReproducible
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
