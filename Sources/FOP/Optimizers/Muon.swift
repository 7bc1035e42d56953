import FOPCore
import Torch

/// Momentum, orthogonalised: each matrix steps by the nearest matrix with equal singular values (Jordan et al. 2024).
///
/// b <- momentum b + (1 - momentum) g, u = g + momentum (b - g) with Nesterov's variant, else b; W <- W - lr
/// weightDecay W, W <- W - lr scale O(u), where O is five Newton-Schulz iterations. `torch.optim.Muon`, which takes
/// matrices only.
///
/// Convolution kernels count as matrices of outputs x everything else, as in pytorch-optimizer. Biases, scales and all
/// that has fewer than two dimensions get AdamW. Embeddings and the output layer should get it too: say which they are.
///
/// ```swift
/// let optimizer = try Muon(
///     model, learningRate: 0.02, adamWLearningRate: 3e-4,
///     groups: [ParameterGroup(model.head.parameters) { $0.usesAdamW = true }])
/// ```
public final class Muon: GradientOptimizer<MuonRule> {
    /// - Parameters:
    ///   - learningRate: of the orthogonalised steps, 0 or above.
    ///   - momentum: the share of the average of gradients that is kept, 0 to below 1.
    ///   - weightDecay: the share of a matrix that goes per step and unit of learning rate, 0 or above.
    ///   - adamWLearningRate: of the other parameters; it keeps its proportion to `learningRate`.
    ///   - groups: parameters that are treated in their own way.
    /// - Throws: ``TorchError/invalidValue(_:)`` that lists everything that is out of range, with the legal range.
    public init(
        _ model: Module, learningRate: Double = 0.02, momentum: Double = 0.95, weightDecay: Double = 0,
        adamWLearningRate: Double = 3e-4, groups: [ParameterGroup<MuonRule>] = []
    ) throws {
        var rule = MuonRule(momentum: momentum, weightDecay: weightDecay)
        var problems = learningRateProblems("adamWLearningRate", adamWLearningRate)
        if learningRate == 0, adamWLearningRate != 0 {
            problems.append("learningRate is 0 and adamWLearningRate is \(adamWLearningRate): they cannot change in proportion")
        }
        try throwProblems(problems)
        rule.adamWLearningRateScale = learningRate == 0 ? 1 : adamWLearningRate / learningRate
        try super.init(model, learningRate: learningRate, rule: rule, groups: groups)
    }
}

/// What ``Muon`` does.
public struct MuonRule: UpdateRule {
    /// How a step's length depends on a matrix's shape.
    public enum Scaling: Equatable, Sendable {
        /// sqrt(max(1, outputs / inputs)): Jordan's.
        case original
        /// 0.2 sqrt(max(outputs, inputs)): steps as long as AdamW's (Liu et al. 2025), so that its learning rate fits.
        case matchingAdamW
        /// sqrt(outputs / inputs): Bernstein's.
        case spectral
    }

    /// The share of the average of gradients that is kept, 0 to below 1.
    public var momentum: Double
    /// The share of a matrix that goes per step and unit of learning rate, 0 or above.
    public var weightDecay: Double
    /// Whether to step ahead by the momentum.
    public var nesterov = true
    /// How a step's length depends on a matrix's shape.
    public var scaling = Scaling.original
    /// How many Newton-Schulz iterations are made, and the coefficients of X, X X^T X and (X X^T)^2 X.
    public var iterations = 5
    public var coefficients = (3.4445, -4.7750, 2.0315)
    /// The least norm that a matrix is divided by.
    public var epsilon = 1e-7
    /// The type in which the iterations run.
    public var iterationType = DType.bfloat16
    /// Whether matrices get AdamW as well: for embeddings and output layers.
    public var usesAdamW = false
    /// How the parameters that are no matrices are updated.
    public var adamW = AdamWRule(betas: (0.9, 0.95), epsilon: 1e-10, weightDecay: 0)
    /// AdamW's learning rate as a multiple of the matrices'.
    public var adamWLearningRateScale = 1.0

    public init(momentum: Double = 0.95, weightDecay: Double = 0) {
        self.momentum = momentum
        self.weightDecay = weightDecay
    }

    public var problems: [String] {
        var checks = SettingChecks()
        checks.share("momentum", momentum)
        checks.nonNegative("weightDecay", weightDecay)
        checks.require((1..<100).contains(iterations), "iterations", iterations, "a whole number from 1 to 99")
        checks.positive("epsilon", epsilon)
        checks.require(iterationType.isFloatingPoint, "iterationType", iterationType, "a floating-point type")
        checks.nonNegative("adamWLearningRateScale", adamWLearningRateScale)
        return checks.problems + adamW.problems.map { "adamW: \($0)" }
    }

    public func initialBuffers(for parameter: Tensor) -> [String: Tensor] {
        isOrthogonalized(parameter) ? ["momentum": parameter.zerosLike()] : adamW.initialBuffers(for: parameter)
    }

    public func update(_ parameters: [ParameterState], gradients: [Tensor], learningRate: Double) {
        let pairs = Array(zip(parameters, gradients))
        let others = pairs.filter { !isOrthogonalized($0.0.value) }
        adamW.update(
            others.map(\.0), gradients: others.map(\.1), learningRate: learningRate * adamWLearningRateScale)
        for (state, gradient) in pairs where isOrthogonalized(state.value) {
            step(state, gradient, learningRate: learningRate)
        }
    }

    private func isOrthogonalized(_ parameter: Tensor) -> Bool { parameter.rank >= 2 && !usesAdamW }

    private func step(_ state: ParameterState, _ gradient: Tensor, learningRate: Double) {
        let buffer = [state].buffers("momentum")[0]
        [buffer].lerpInPlace(to: [gradient], weight: 1 - momentum)
        let ahead = nesterov ? gradient.adding(buffer - gradient, scale: momentum) : buffer
        let matrix = ahead.reshaped([state.value.size(0), -1])
        let update = orthogonalized(matrix).to(state.value.dtype).reshaped(state.value.shape)
        state.value.multiplyInPlace(by: 1 - learningRate * weightDecay)
        state.value.subtractInPlace(update, scale: learningRate * scale(matrix.shape))
    }

    private func scale(_ shape: [Int]) -> Double {
        let (rows, columns) = (Double(shape[0]), Double(shape[1]))
        switch scaling {
        case .original: return max(1, rows / columns).squareRoot()
        case .matchingAdamW: return 0.2 * max(rows, columns).squareRoot()
        case .spectral: return (rows / columns).squareRoot()
        }
    }

    /// U S V^T with singular values S between about 0.7 and 1.2, where U and V are the matrix's own singular vectors.
    private func orthogonalized(_ matrix: Tensor) -> Tensor {
        let isTall = matrix.size(0) > matrix.size(1)
        var x = (isTall ? matrix.transposed() : matrix).to(iterationType)
        x = x / x.norm().clamped(min: epsilon)
        for _ in 0..<iterations {
            let gram = x.mm(x.transposed())
            let polynomial = gram * coefficients.1 + gram.mm(gram) * coefficients.2
            x = x * coefficients.0 + polynomial.mm(x)
        }
        return isTall ? x.transposed() : x
    }
}
