import FOPCore
import Torch

/// Fisher-Orthogonal Projection (Lu & Armour, AAAI 2026): natural gradient descent that stays efficient at very large
/// batches.
///
/// Each batch is split into two halves. The step of a layer is eta (M^-1 g_avg + beta M^-1 g_perp), where g_avg is the
/// mean of the halves' gradients, g_perp the part of their difference that is Fisher-orthogonal to it, M the damped
/// Kronecker-factored Fisher block, and beta and eta closed forms (equations 3 to 18). Both gradients come from one
/// forward and one backward pass.
///
/// ```swift
/// let optimizer = try FOP(model, learningRate: 0.1)    // instead of SGD(model, learningRate: 0.1)
/// ```
///
/// Linear and convolution layers get Kronecker factors, normalisation layers 2 x 2 blocks per channel; every other
/// parameter is updated by the fallback rule. With `beta: .zero` the optimizer is K-FAC.
///
/// With batch normalisation both halves share the batch's statistics: the split is by the example whose g a^T is
/// summed, which differs from two separate forward passes.
public final class FOP: Optimizer {
    public var learningRate: Double
    /// What was set at the start.
    public let options: FOPOptions

    let layers: [LayerBlock]
    let preconditioner: FisherPreconditioner
    var fallback: FallbackUpdate
    /// The momentum of each layer's parameters; none where the momentum is 0.
    var momenta: [[Tensor]]
    var counter = StepCounter()
    private let capture: LayerCapture
    private var lossesFinite: Tensor?

    /// - Parameters:
    ///   - model: its layers are observed from now on, until the optimizer goes.
    ///   - learningRate: the step size, above 0; scale it with the batch size.
    ///   - options: everything else.
    /// - Throws: ``TorchError/invalidValue(_:)`` that names what is out of range and the legal range.
    public init(_ model: Module, learningRate: Double, options: FOPOptions = FOPOptions()) throws {
        try throwProblems(learningRateProblems("learningRate", learningRate) + options.problems)
        self.learningRate = learningRate
        self.options = options
        layers = layerBlocks(of: model, weightSharing: options.curvature.weightSharing)
        preconditioner = FisherPreconditioner(blocks: layers.map(\.block), configuration: options.curvature)
        let device = model.parameters.first?.value.device ?? .cpu
        capture = LayerCapture(layers, sink: preconditioner, device: device)
        let covered = Set(layers.flatMap(\.parameters).map { ObjectIdentifier($0.parameter) })
        fallback = FallbackUpdate(
            model.namedParameters.filter { !covered.contains(ObjectIdentifier($0.parameter)) }, options: options)
        momenta = layers.map { layer in
            options.momentum == 0 ? [] : layer.parameters.map { $0.parameter.value.detached().zerosLike() }
        }
    }

    /// The same with the most used options as arguments.
    public convenience init(
        _ model: Module, learningRate: Double, momentum: Double = 0.9, weightDecay: Double = 0, damping: Double? = nil,
        beta: BetaPolicy = .paper
    ) throws {
        var options = FOPOptions()
        options.momentum = momentum
        options.weightDecay = weightDecay
        if let damping { options.curvature.damping = damping }
        options.curvature.beta = beta
        try self.init(model, learningRate: learningRate, options: options)
    }

    public func backward(_ loss: Tensor) throws {
        guard layers.contains(where: \.isTraining) || !fallback.trainable.isEmpty else {
            throw TorchError.invalidValue("all parameters are frozen: there is nothing to train")
        }
        let others = fallback.trainable
        let gradients = capture.backPropagate(loss, others: fallback.values(others))
        withoutGradients {
            fallback.add(gradients, of: others)
            let isFinite = loss.detached().isFinite().all()
            lossesFinite = lossesFinite.map { $0.logicalAnd(isFinite) } ?? isFinite
        }
    }

    @discardableResult public func step() throws -> StepOutcome {
        guard let lossesFinite else {
            throw TorchError.invalidValue("step() without backward(_:) before it: there is no gradient to use")
        }
        let isFinite = withoutGradients {
            let othersFinite = fallback.gradientsAreFinite.map { $0.logicalAnd(lossesFinite) } ?? lossesFinite
            let (directions, isFinite) = preconditioner.hasGathered
                ? preconditioner.directions(learningRate: learningRate, othersFinite: othersFinite)
                : ([], othersFinite)
            // On other devices the updates look at the flag themselves, and the host waits only at the end.
            if isFinite.device.kind == .cpu, !isFinite.item(as: Bool.self) {
                fallback.discard()
            } else {
                apply(directions, foundInfinity: isFinite.logicalNot().to(.float32))
            }
            return isFinite
        }
        self.lossesFinite = nil
        return try count(isFinite)
    }

    /// W <- W - lr (m + wd W), where m <- momentum m + d (section 6 of the algorithm); nothing where `foundInfinity` is
    /// 1.
    private func apply(_ directions: [[Tensor]?], foundInfinity: Tensor) {
        var parameters: [Tensor] = []
        var steps: [Tensor] = []
        var buffers: [Tensor] = []
        for (index, direction) in directions.enumerated() {
            guard let direction else { continue }
            for (place, (_, parameter)) in layers[index].parameters.enumerated() where parameter.requiresGradient {
                parameters.append(parameter.value)
                steps.append(direction[place])
                if options.momentum != 0 { buffers.append(momenta[index][place]) }
            }
        }
        applyDecoupledWeightDecay(
            parameters, learningRate: learningRate, decay: options.weightDecay, foundInfinity: foundInfinity)
        applySGD(
            parameters, gradients: steps, buffers: buffers, learningRate: learningRate,
            momentum: options.momentum, foundInfinity: foundInfinity)
        fallback.apply(learningRate: learningRate, foundInfinity: foundInfinity)
    }

    private func count(_ isFinite: Tensor) throws -> StepOutcome {
        try counter.count(
            isFinite: isFinite.item(as: Bool.self), limit: options.maximumSkippedSteps,
            what: "a loss, gradients or statistics",
            advice: """
                lower the learning rate (now \(learningRate)), raise the damping (now \(options.curvature.damping))
                """)
    }

    /// How many steps changed the parameters.
    public var stepCount: Int { counter.applied }
    /// How many steps were left out because loss, gradients or statistics were not finite.
    public var skippedStepCount: Int { counter.skipped }
    /// How the factors' inverses were obtained so far: anything but Cholesky asks for more damping.
    public var inverseOutcomes: [InverseOutcome: Int] { preconditioner.inverseOutcomes }

    public func discardGradients() {
        preconditioner.discard()
        fallback.discard()
        lossesFinite = nil
    }
}
