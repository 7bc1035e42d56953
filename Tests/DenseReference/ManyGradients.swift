/// Section 3 of the algorithm for any number of gradients, on vectors, with full matrices.
///
/// The span of the differences is described by g_j - g_avg, not by differences of neighbours as the product does: the
/// step must not depend on it.
public struct ReferenceManyStep {
    public let B, cross, square, eta: Double
    public let average, direction: [Double]

    public init(_ gradients: [[Double]], fisher F: Matrix, damped M: Matrix) {
        let average = DenseReference.mean(gradients)
        self.average = average
        let image = F * average
        let perpendiculars = gradients.dropLast().map { gradient -> [Double] in
            let difference = combine(gradient, -1, average)
            return combine(difference, -inner(difference, image) / inner(average, image), average)
        }
        let solutions = M.solve([average] + perpendiculars)
        let (u, v) = (solutions[0], Array(solutions[1...]))
        let B = inner(average, u)
        self.B = B
        let D = v.map { inner(average, $0) }
        let E = perpendiculars.flatMap { p in v.map { inner(p, $0) } }
        let beta = Matrix(D.count, D.count, E).solve([D])[0]
        let cross = inner(beta, D)
        let square = inner(beta, Matrix(D.count, D.count, E) * beta)
        let eta = (B + cross) / (B + 2 * cross + square)
        direction = zip(beta, v).reduce(u) { combine($0, $1.0, $1.1) }.map { eta * $0 }
        (self.cross, self.square, self.eta) = (cross, square, eta)
    }
}
