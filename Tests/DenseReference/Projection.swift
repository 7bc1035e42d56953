/// How beta, eta and the matrix of the orthogonality are chosen.
public struct ReferencePolicies: Sendable {
    public enum Beta: Sendable { case paper, zero, fixed(Double) }
    public enum Eta: Sendable { case average, sum, off }

    public var beta = Beta.paper
    public var eta = Eta.average
    /// Orthogonal in M instead of F.
    public var isDamped = false

    public init() {}
}

/// Section 3 of the algorithm on vectors, step by step, with the blocks as full matrices.
public struct ReferenceStep {
    /// Without a correction s, D and E are of no use, and 0.
    public let s, beta, eta, B, D, E: Double
    /// g_avg, g_perp and d.
    public let average, perpendicular, direction: [Double]

    /// <g_avg, d>
    public var gain: Double { inner(average, direction) }

    public init(
        _ first: [Double], _ second: [Double], fisher F: Matrix, damped M: Matrix,
        policies: ReferencePolicies = ReferencePolicies()
    ) {
        // 1
        average = combine(first, 1, second).map { $0 / 2 }
        let difference = combine(first, -1, second)
        // 2
        let image = (policies.isDamped ? M : F) * average
        let square = inner(average, image)
        let isProjected = if case .zero = policies.beta { false } else { true }
        s = square == 0 || !isProjected ? 0 : inner(difference, image) / (square + guardTerm(square))
        perpendicular = combine(difference, -s, average)
        // 3
        let solutions = M.solve([average, perpendicular, difference])
        let (u, v) = (solutions[0], solutions[1])
        B = inner(average, u)
        // 4
        switch policies.beta {
        case .paper:
            D = inner(average, v)
            E = inner(perpendicular, v)
            let largest = max(inner(difference, solutions[2]), s * s * B, B)
            beta = E == 0 ? 0 : D / (E + guardTerm(largest))
        case .zero: (D, E, beta) = (0, 0, 0)
        case .fixed(let value): (D, E, beta) = (inner(average, v), inner(perpendicular, v), value)
        }
        // 5
        let denominator = B + 2 * beta * D + beta * beta * E
        let ratio = denominator == 0 ? 1 : (B + beta * D) / (denominator + guardTerm(denominator))
        switch policies.eta {
        case .average: eta = ratio
        case .sum: eta = 2 * ratio
        case .off: eta = 1
        }
        // 6
        direction = combine(u, beta, v).map { [eta] in eta * $0 }
    }
}

/// eps: 1e-12 times the largest term that it guards against.
private func guardTerm(_ largest: Double) -> Double { 1e-12 * abs(largest) }
