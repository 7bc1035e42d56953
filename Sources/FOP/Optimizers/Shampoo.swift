import Torch

/// Gradients preconditioned by inverse roots of their Gram matrices (Gupta et al. 2018; Anil et al. 2020, arXiv
/// 2002.09018).
///
/// For each of a parameter's k dimensions L_i <- beta2 L_i + (1 - beta2) G_i G_i^T, with G_i the gradient unfolded
/// along it, and every `interval` steps P_i = L_i^(-1/(2k)). The gradient times all P_i gives the direction; its length
/// is that of the step that another method would make (``Grafting``). Then momentum, Nesterov's by default: m <- beta1
/// m + d, W <- W - lr (d + beta1 m). The first `startStep` - 1 steps, and vectors, take the other method's direction.
/// Weight decay is decoupled. As pytorch-optimizer's ScalableShampoo with `decoupled_weight_decay`.
///
/// Differences: roots by eigenvalues instead of the Schur-Newton iteration; convolution kernels count as matrices of
/// outputs x everything else unless ``ShampooRule/kernelShape`` says otherwise, and no other dimensions are merged; the
/// roots are taken every 20 steps by default, not 1000. Each parameter counts its own steps.
public final class Shampoo: GradientOptimizer<ShampooRule> {
    /// - Parameters:
    ///   - learningRate: the step size, 0 or above.
    ///   - betas: the shares that momentum and Gram matrices keep, 0 to below 1.
    ///   - weightDecay: the share of a parameter that goes per step and unit of learning rate, 0 or above.
    ///   - grafting: the method whose step length is taken over.
    ///   - interval: every how many steps the roots are taken.
    ///   - startStep: the first step with preconditioning.
    ///   - blockSize: larger dimensions are cut into blocks of this size.
    ///   - groups: parameters that are treated in their own way.
    /// - Throws: ``TorchError/invalidValue(_:)`` that lists everything that is out of range, with the legal range.
    public init(
        _ model: Module, learningRate: Double = 0.1, betas: (Double, Double) = (0.9, 0.999), weightDecay: Double = 0,
        grafting: Grafting = .sgd, interval: Int = 20, startStep: Int = 25, blockSize: Int = 512,
        groups: [ParameterGroup<ShampooRule>] = []
    ) throws {
        var rule = ShampooRule(betas: betas, weightDecay: weightDecay)
        rule.grafting = grafting
        rule.interval = interval
        rule.startStep = startStep
        rule.blockSize = blockSize
        try super.init(model, learningRate: learningRate, rule: rule, groups: groups)
    }
}

/// The method whose step length ``Shampoo`` takes over, parameter by parameter.
public enum Grafting: Equatable, Sendable {
    /// Shampoo's own length.
    case none
    /// The gradient.
    case sgd
    /// The gradient over the root of the sum of squares.
    case adaGrad
    /// The gradient over the root of the average of squares.
    case rmsProp
}

/// What ``Shampoo`` does.
public struct ShampooRule: UpdateRule {
    /// The shares that momentum and Gram matrices keep, 0 to below 1.
    public var betas: (Double, Double)
    /// The share of a parameter that goes per step and unit of learning rate, 0 or above.
    public var weightDecay: Double
    /// The method whose step length is taken over.
    public var grafting = Grafting.sgd
    /// Every how many steps the roots are taken.
    public var interval = 20
    /// The first step with preconditioning.
    public var startStep = 25
    /// Larger dimensions are cut into blocks of this size. Cannot be changed once a parameter was updated.
    public var blockSize = 512
    /// Whether to step ahead by the momentum.
    public var nesterov = true
    /// What the Gram matrices start from, times the identity.
    public var epsilon = 1e-6
    /// Added to the root of the squares in AdaGrad's and RMSProp's steps.
    public var graftingEpsilon = 1e-10
    /// How convolution kernels are seen. Cannot be changed once a parameter was updated.
    public var kernelShape = KernelShape.matrix

    public init(betas: (Double, Double) = (0.9, 0.999), weightDecay: Double = 0) {
        self.betas = betas
        self.weightDecay = weightDecay
    }

    public var problems: [String] {
        var checks = SettingChecks()
        checks.share("betas.0", betas.0)
        checks.share("betas.1", betas.1)
        checks.nonNegative("weightDecay", weightDecay)
        checks.count("interval", interval)
        checks.count("startStep", startStep)
        checks.count("blockSize", blockSize)
        checks.positive("epsilon", epsilon)
        checks.nonNegative("graftingEpsilon", graftingEpsilon)
        return checks.problems
    }

    public func initialBuffers(for parameter: Tensor) -> [String: Tensor] {
        var buffers = ["momentum": parameter.zerosLike(), "graft_momentum": parameter.zerosLike()]
        if grafting == .adaGrad || grafting == .rmsProp { buffers["square"] = parameter.zerosLike() }
        let dtype = parameter.dtype == .float64 ? DType.float64 : .float32
        for block in Blocks(kernelShape.apply(to: parameter.shape), size: blockSize).all {
            for (dimension, size) in block.shape.enumerated() {
                let identity = Tensor.identity(size, dtype: dtype, device: parameter.device)
                buffers["statistics\(block.index)_\(dimension)"] = identity * epsilon
                buffers["root\(block.index)_\(dimension)"] = identity
            }
        }
        return buffers
    }

    public func update(_ parameters: [ParameterState], gradients: [Tensor], learningRate: Double) {
        for (state, gradient) in zip(parameters, gradients) {
            let graft = graftStep(state, gradient)
            let direction = preconditioned(state, gradient).map { grafted($0, onto: graft) } ?? graft
            state.value.multiplyInPlace(by: 1 - learningRate * weightDecay)
            let usesDirection = state.stepCount >= startStep
            let steps = [(direction, "momentum", usesDirection), (graft, "graft_momentum", !usesDirection)]
            for (step, name, isTaken) in steps {
                let momentum = [state].buffers(name)[0]
                momentum.multiplyInPlace(by: betas.0)
                momentum.addInPlace(step)
                guard isTaken else { continue }
                let update = nesterov ? step.adding(momentum, scale: betas.0) : momentum
                state.value.subtractInPlace(update, scale: learningRate)
            }
        }
    }

    // MARK: The other method

    private func graftStep(_ state: ParameterState, _ gradient: Tensor) -> Tensor {
        guard let square = state.buffers["square"] else { return gradient }
        if grafting == .rmsProp {
            [square].lerpInPlace(to: [gradient.squared()], weight: 1 - betas.1)
        } else {
            square.addInPlace(gradient.squared())
        }
        return gradient / (square.squareRoot() + graftingEpsilon)
    }

    private func grafted(_ direction: Tensor, onto graft: Tensor) -> Tensor {
        grafting == .none ? direction : direction * (graft.norm() / (direction.norm() + 1e-16))
    }

    // MARK: Preconditioning

    /// The gradient times all inverse roots; nil for what has no matrices.
    private func preconditioned(_ state: ParameterState, _ gradient: Tensor) -> Tensor? {
        let blocks = Blocks(kernelShape.apply(to: gradient.shape), size: blockSize)
        guard !blocks.all.isEmpty else { return nil }
        let parts = blocks.cut(gradient.widened().reshaped(blocks.shape))
        let directions = zip(blocks.all, parts).map { block, part in
            take(part, into: block, of: state)
            var result = part
            for dimension in block.shape.indices {
                let root = [state].buffers("root\(block.index)_\(dimension)")[0]
                result = result.contractingFirst(with: root, 0)
            }
            return result
        }
        return blocks.joined(directions).reshaped(gradient.shape).to(gradient.dtype)
    }

    /// Takes a block's gradient into its Gram matrices, and takes their roots when it is time. A matrix without a root
    /// keeps the last one.
    private func take(_ gradient: Tensor, into block: Blocks.Block, of state: ParameterState) {
        for dimension in block.shape.indices {
            let statistics = [state].buffers("statistics\(block.index)_\(dimension)")[0]
            statistics.multiplyInPlace(by: betas.1)
            statistics.addInPlace(gradient.gram(dimension), scale: 1 - betas.1)
            guard state.stepCount % interval == 0, let root = statistics.inverseRoot(2 * block.shape.count)
            else { continue }
            [state].buffers("root\(block.index)_\(dimension)")[0].copy(from: root)
        }
    }
}

/// A tensor's shape cut into blocks no larger than a size in any dimension.
private struct Blocks {
    struct Block {
        let index: Int
        let shape: [Int]
    }

    let shape: [Int]
    /// The pieces of each dimension.
    private let pieces: [[Int]]

    init(_ shape: [Int], size: Int) {
        self.shape = shape
        pieces = shape.map { length in
            stride(from: 0, to: length, by: size).map { min(size, length - $0) }
        }
    }

    /// The blocks, those of the last dimension next to each other; none for what has fewer than two dimensions.
    var all: [Block] {
        guard shape.count > 1 else { return [] }
        let shapes = pieces.reduce([[]]) { shapes, pieces in
            shapes.flatMap { shape in pieces.map { shape + [$0] } }
        }
        return shapes.enumerated().map { Block(index: $0, shape: $1) }
    }

    func cut(_ tensor: Tensor) -> [Tensor] {
        pieces.enumerated().reduce([tensor]) { parts, piece in
            piece.element.count == 1 ? parts : parts.flatMap { $0.split(piece.element, piece.offset) }
        }
    }

    func joined(_ parts: [Tensor]) -> Tensor {
        pieces.enumerated().reversed().reduce(parts) { parts, piece in
            let count = piece.element.count
            return count == 1
                ? parts
                : stride(from: 0, to: parts.count, by: count).map {
                    Tensor.concatenated(Array(parts[$0..<$0 + count]), piece.offset)
                }
        }[0]
    }
}
