import TorchCore

/// E beta = D, for the weights of one or more corrections (equations 13 and 16). Every number is a vector with one
/// element per layer.
struct CorrectionSystem {
    /// D_j = <g_avg, v_j>
    let D: [Tensor]
    /// E_ij = <p_i, v_j>
    let E: [[Tensor]]
    /// B = <g_avg, u>
    let B: Tensor
    /// What <g_diff, M^-1 g_diff> is made of, for each direction: E means nothing when it is smaller than their rounding.
    private let terms: [[Tensor]]

    /// - Parameters:
    ///   - products: `<X_i, M^-1 X_j>` where X is g_avg and then each g_perp.
    ///   - shares: s of each g_perp.
    init(_ products: [[Tensor]], shares: [Tensor]) {
        let (B, D) = (products[0][0], Array(products[0][1...]))
        let E = products.dropFirst().map { Array($0[1...]) }
        terms = shares.enumerated().map { index, s in
            let mean = s * s * B
            return [E[index][index] + s * D[index] * 2 + mean, mean]
        }
        (self.B, self.D, self.E) = (B, D, E)
    }

    /// E as one tensor: a vector over layers for one direction, directions x directions x layers for more.
    var matrix: Tensor { E.count == 1 ? E[0][0] : Tensor.stacked(E.map { Tensor.stacked($0) }) }

    /// beta D
    func cross(_ beta: [Tensor]) -> Tensor { sum(zip(beta, D).map { $0 * $1 }) }

    /// beta^2 E
    func square(_ beta: [Tensor]) -> Tensor {
        sum(beta.indices.flatMap { i in beta.indices.map { j in beta[i] * beta[j] * E[i][j] } })
    }

    /// The weights, such that the correction is no longer than the mean step, as Cauchy and Schwarz have it:
    /// beta^2 E <= B. That holds by itself but for rounding, which matters when g_perp is nothing but rounding.
    func weights(_ policy: BetaPolicy) -> [Tensor] {
        if case .fixed(let value) = policy { return D.map { $0.onesLike() * value } }
        return D.count == 1 ? [quotient()] : solution()
    }

    /// beta = D / (E + eps) (equation 16). Next to a mean gradient whose square is B a difference that is nothing but its
    /// rounding does not count.
    private func quotient() -> Tensor {
        let (D, E) = (D[0], E[0][0])
        let beta = relativeQuotient(D, E, terms: terms[0] + [B])
        let positive = E.isGreater(than: 0)
        let bound = Tensor.select(positive, (B / E).squareRoot(), E.zerosLike())
        return Tensor.select(positive, beta.minimum(bound).maximum(-bound), E.zerosLike())
    }

    /// The same for several directions. They can depend on each other, all but for rounding: E is scaled to a unit
    /// diagonal and kept invertible by a ridge well above rounding, whose bias iterative refinement takes out again where
    /// E has something to say. Nothing waits for the device.
    private func solution() -> [Tensor] {
        let byLayer = matrix.permuted([2, 0, 1])
        let matrix = (byLayer + byLayer.transposed()) * 0.5
        let squares = matrix.diagonal()
        let ridge = matrix.dtype == .float64 ? 1e-8 : 3e-4
        let largest = Tensor.stacked(terms.map { $0[0].absolute().maximum($0[1].absolute()) }, -1)
        // Directions that are nothing but rounding are left out.
        let counts = squares.isGreater(than: largest * (ridge * ridge))
        let scale = Tensor.select(counts, squares.reciprocalSquareRoot(), squares.zerosLike())
        let unit = matrix * scale.unsqueezed(-2) * scale.unsqueezed(-1)
        let added = Tensor.select(counts, squares.onesLike() * ridge, squares.onesLike())
        let (factor, info) = (unit + added.diagonalMatrix()).cholesky()
        let inverse = factor.choleskyInverse()
        let right = (Tensor.stacked(D, -1) * scale).unsqueezed(-1)
        var beta = inverse.matmul(right)
        for _ in 0..<2 { beta = beta + inverse.matmul(right - unit.matmul(beta)) }
        let weights = beta.squeezed(-1) * scale
        let solved = info.isGreater(than: 0).logicalNot().logicalAnd(weights.sum([-1]).isFinite())
        return bounded(Tensor.select(solved.unsqueezed(-1), weights, weights.zerosLike()))
    }

    private func bounded(_ beta: Tensor) -> [Tensor] {
        let weights = (0..<D.count).map { beta.selected(-1, $0) }
        let square = square(weights)
        let excess = Tensor.select(square.isGreater(than: B), (B / square).squareRoot(), B.onesLike())
        return weights.map { $0 * excess }
    }

    private func sum(_ terms: [Tensor]) -> Tensor { terms.dropFirst().reduce(terms[0]) { $0 + $1 } }
}
