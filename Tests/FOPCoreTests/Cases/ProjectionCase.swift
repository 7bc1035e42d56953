import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch

/// Two gradients and a Kronecker block with given factors, for the product and for the reference.
struct ProjectionCase {
    /// How the second gradient depends on the first.
    enum Gradients: CaseIterable {
        case random, equal, opposite, parallel, antiparallel, almostEqual, secondZero, bothZero, rankOne, sparse
    }

    /// What the factors are like.
    enum Factors: CaseIterable {
        case full, lowRank, rankOne, zeroOutput, zeroInput
    }

    let title: String
    let block: KroneckerBlock
    var first, second: Tensor
    let F, M: Matrix

    /// - Parameters:
    ///   - scale: of the gradients; G is scaled by its square, as the loss would.
    ///   - relativeDamping: sqrt(lambda) relative to the factors' mean eigenvalues.
    init(
        _ gradients: Gradients, _ factors: Factors, outputs: Int, inputs: Int, dtype: DType, seed: UInt64,
        scale: Double = 1, factorScale: Double = 1, relativeDamping: Double = 0.1
    ) {
        title = """
            \(gradients), factors \(factors) * \(factorScale), \(outputs) x \(inputs), \(dtype), seed \(seed), scale \(scale), \
            damping \(relativeDamping)
            """
        let A = gram(inputs, factors == .zeroInput ? 0 : 1, factors, seed &+ 1, dtype)
        let G = gram(outputs, factors == .zeroOutput ? 0 : factorScale * scale * scale, factors, seed &+ 2, dtype)
        block = KroneckerBlock(LinearGeometry(outputs: outputs, features: inputs, hasBias: false))
        block.load(["input_factor": A, "output_factor": G])
        let (denseA, denseG) = (Matrix(inputs, inputs, A.scalars()), Matrix(outputs, outputs, G.scalars()))
        let size = (denseA.trace / Double(inputs)) * (denseG.trace / Double(outputs))
        let damping = relativeDamping * relativeDamping * (size > 0 ? size : 1)
        _ = block.updateInverse(damping: damping)
        let reference = ReferenceBlock.kronecker()
        F = reference.fisher([denseA, denseG])
        M = reference.damped([denseA, denseG], damping)
        first = draw(gradients, [outputs, inputs], seed &+ 3, dtype) * scale
        second = partner(gradients, first, seed &+ 4)
    }

    /// The product's step.
    func step(
        beta: BetaPolicy = .paper, eta: EtaPolicy = .average, metric: ProjectionMetric = .fisher
    ) -> ProjectedStep {
        projectFisherOrthogonally(
            [first, second], metric: metric == .fisher ? block.fisherProduct : block.dampedProduct,
            preconditioner: block.precondition, beta: beta, eta: eta)
    }

    /// The reference's step.
    var expected: ReferenceStep {
        ReferenceStep(first.scalars(as: Double.self), second.scalars(as: Double.self), fisher: F, damped: M)
    }
}

/// X^T X / rows: symmetric, positive semi-definite, of the wanted rank.
private func gram(
    _ size: Int, _ scale: Double, _ factors: ProjectionCase.Factors, _ seed: UInt64, _ dtype: DType
) -> Tensor {
    let rows =
        switch factors {
        case .full, .zeroOutput, .zeroInput: 3 * size
        case .lowRank: max(1, size / 2)
        case .rankOne: 1
        }
    let X = randomTensor([rows, size], seed: seed, dtype: .float64) + 0.2
    return (X.transposed().matmul(X) * (scale / Double(rows))).to(dtype)
}

private func draw(_ kind: ProjectionCase.Gradients, _ shape: [Int], _ seed: UInt64, _ dtype: DType) -> Tensor {
    let gradient = randomTensor(shape, seed: seed, dtype: dtype)
    switch kind {
    case .bothZero: return gradient.zerosLike()
    case .rankOne: return gradient.narrowed(0, from: 0, length: 1) * gradient.narrowed(1, from: 0, length: 1)
    case .sparse: return gradient * gradient.isGreater(than: 0.8).to(dtype)
    default: return gradient
    }
}

private func partner(_ kind: ProjectionCase.Gradients, _ first: Tensor, _ seed: UInt64) -> Tensor {
    let size = first.absolute().max().item(as: Double.self)
    let other = randomTensor(first.shape, seed: seed, dtype: first.dtype)
    switch kind {
    case .random: return first * 0.5 + other * size
    case .equal: return first.cloned()
    case .opposite: return -first
    case .parallel: return first * 1.7
    case .antiparallel: return first * -0.3
    case .almostEqual: return first + other * (size * 1e-5)
    case .secondZero, .bothZero: return first.zerosLike()
    case .rankOne: return first * 0.5 + other.narrowed(0, from: 0, length: 1) * first.narrowed(1, from: 0, length: 1)
    case .sparse: return other * size * other.isGreater(than: 0.8).to(first.dtype)
    }
}
