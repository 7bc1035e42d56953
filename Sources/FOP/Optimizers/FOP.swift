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
/// parameter is updated by the fallback rule, among them those that several layers share and those that the loss
/// reaches on other ways than by calls of their layer. ``FOPOptions/blocks`` changes
/// that, ``coverage`` shows it. What is frozen has no block and no state; unfreeze it at any time. With `beta: .zero`
/// the optimizer is K-FAC.
///
/// With batch normalisation both halves share the batch's statistics: the split is by the example whose g a^T is
/// summed, which differs from two separate forward passes.
public final class FOP: Optimizer {
    /// What was set at the start.
    public let options: FOPOptions
    public var lossScale = 1.0

    var plan: BlockPlan
    let preconditioner: FisherPreconditioner
    var fallback: FallbackUpdate
    var grouping: ParameterGrouping
    var momenta = MomentumBuffers()
    var counter = StepCounter()
    let processes: any ProcessReduction
    private let capture: LayerCapture
    private let statistics: ModelStatistics
    private var bypassCheck = BypassCheck()
    private let device: Device
    private var gathered = GatheredLosses()

    /// - Parameters:
    ///   - model: its layers are observed from now on, until the optimizer goes.
    ///   - learningRate: the step size, 0 or above; scale it with the batch size.
    ///   - options: everything else.
    ///   - groups: parameters with a learning rate, momentum or weight decay of their own.
    ///   - processes: how steps are taken together with other processes, each with batches of its own: see
    ///     ``FOPCore/EvenOddReduction``, whose processes of even and of odd rank are the two sub-batches. Every process
    ///     begins with the same weights and settings, calls the same methods, and ends each step with the same weights,
    ///     bit for bit. One process by default.
    /// - Throws: ``TorchError/invalidValue(_:)`` that names what is out of range and the legal range.
    public init(
        _ model: Module, learningRate: Double, options: FOPOptions = FOPOptions(),
        groups: [ParameterGroup<FOPGroupSettings>] = [], processes: any ProcessReduction = SingleProcess()
    ) throws {
        let base = FOPGroupSettings(momentum: options.momentum, weightDecay: options.weightDecay)
        let parameters = model.namedParameters.map(\.parameter)
        try throwProblems(
            learningRateProblems("learningRate", learningRate) + options.problems + processProblems(options, processes)
                + groupProblems(
                    groups, parameters: parameters, learningRate: learningRate, rule: base, problems: \.problems))
        self.options = options
        grouping = ParameterGrouping(groups, base: base, learningRate: learningRate)
        plan = try BlockPlan(model, options.blocks, options.curvature)
        self.processes = processes
        preconditioner = FisherPreconditioner(blocks: [], configuration: options.curvature, reduction: processes)
        preconditioner.factorType = parameters.contains { $0.value.dtype == .float64 } ? .float64 : .float32
        device = parameters.first?.value.device ?? .cpu
        capture = LayerCapture(plan.candidates, sink: preconditioner, device: device)
        statistics = ModelStatistics(model)
        fallback = FallbackUpdate(options: options)
        followPlan()
    }

    /// The blocks and the parameters that they stand for.
    var layers: [LayerBlock] { plan.blocks }

    /// Gives blocks to what was unfrozen since the last step, and lets go of those of what was frozen.
    func updatePlan() throws {
        // What was gathered belongs to the blocks as they are.
        guard gathered.passes == 0, try plan.update() else { return }
        followPlan()
    }

    /// Leaves the parameters of these blocks to the fallback rule.
    func excludeBlocks(_ indices: [Int]) throws {
        guard !indices.isEmpty else { return }
        try plan.exclude(indices)
        followPlan()
    }

    /// Makes everything else go by the plan.
    func followPlan() {
        bypassCheck.restart()
        let cheap = layers.indices.filter { layers[$0].hasCheapTotal }
        preconditioner.replaceBlocks(layers.map(\.block), totalsFollow: Set(cheap))
        capture.totals = cheap.map { ($0, layers[$0].parameters.map(\.parameter)) }
        capture.blocks = plan.indices
        momenta.follow(layers.flatMap(\.parameters), grouping)
        fallback.follow(plan.others, grouping)
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

    // MARK: Gathering

    public func backward(_ loss: Tensor) throws { try backward(loss, predictions: nil) }

    public func backward(_ loss: Tensor, slice: BatchSlice) throws {
        try backward(loss, predictions: nil, slice: slice)
    }

    /// The same with what the model predicted, which the Monte Carlo and the exact Fisher are made of.
    /// - Parameters:
    ///   - predictions: looked at on curvature steps only.
    ///   - slice: which of the batch's examples the loss is of, where a batch goes through the model in slices; nil for
    ///     all.
    /// - Throws: ``TorchError/invalidValue(_:)`` when they are needed and missing.
    public func backward(_ loss: Tensor, predictions: Predictions?, slice: BatchSlice? = nil) throws {
        try updatePlan()
        guard layers.contains(where: \.isTraining) || !fallback.trainable.isEmpty else {
            throw TorchError.invalidValue("all parameters are frozen: there is nothing to train")
        }
        if predictions == nil, options.curvature.fisher != .empirical {
            throw TorchError.invalidValue(
                """
                curvature.fisher is \(options.curvature.fisher) and backward(_:) was not told what the model predicts: \
                call backward(loss, predictions: .categorical(logits: output)), or use .empirical
                """)
        }
        preconditioner.lossScale = lossScale
        try withoutAutocast(device: device.kind) {
            let scaledLoss = scaled(loss, by: lossScale)
            if gathered.passes == 0 {
                try excludeBlocks(
                    bypassCheck.bypassed(layers, loss: scaledLoss, capture: capture, processes: processes))
            }
            let others = fallback.trainable
            let gradients = try capture.backPropagate(
                scaledLoss, slice: slice, others: fallback.values(others),
                curvature: { try self.curvaturePasses(predictions) })
            withoutGradients {
                // What has no examples contributes nothing: its mean loss is not a number.
                let isEmpty = preconditioner.isPassEmpty
                gathered.add(isEmpty ? nil : loss.detached())
                if !isEmpty { fallback.add(unscaled(gradients, by: lossScale), of: others) }
            }
        }
    }

    private func curvaturePasses(
        _ predictions: Predictions?
    ) throws -> (output: Tensor, weights: [Tensor], areDraws: Bool)? {
        guard let predictions else { return nil }
        let reduction = options.curvature.lossReduction
        let weights: [Tensor]
        switch options.curvature.fisher {
        case .empirical: return nil
        case .monteCarlo(let samples): weights = (0..<samples).map { _ in predictions.sampled(reduction) }
        case .exact: weights = try predictions.exact(reduction)
        }
        let output = predictions.output
        return (output, weights.map { ($0 * lossScale).to(output.dtype) }, options.curvature.fisher != .exact)
    }

    public func discardGradients() {
        preconditioner.discard()
        fallback.discard()
        gathered = GatheredLosses()
    }

    // MARK: The step

    @discardableResult public func step() throws -> StepOutcome {
        if case .adaptive = options.curvature.dampingPolicy {
            throw TorchError.invalidValue(
                """
                curvature.dampingPolicy is .adaptive and step() cannot compute the loss again: call \
                step { crossEntropy(model(images), labels) }
                """)
        }
        let (outcome, _) = try takeStep()
        return outcome
    }

    /// The same where the damping adapts itself.
    /// - Parameter loss: computes the loss on the same batch, after the step; called every so many steps, see
    ///   ``FOPCore/AdaptiveDamping``, without gradients.
    @discardableResult public func step(reevaluating loss: () throws -> Tensor) throws -> StepOutcome {
        let before = gathered.sum
        // The quadratic model is about the mean over the examples.
        let examples = Double(options.curvature.lossReduction == .sum ? max(1, preconditioner.gatheredExamples) : 1)
        let (outcome, trial) = try takeStep()
        if outcome == .applied, let trial {
            preconditioner.damping = try statistics.preserved {
                try withoutGradients {
                    // A batch without examples has lost nothing.
                    let pair = try before.map { [try loss(), $0] } ?? [zeroLoss, zeroLoss]
                    let means = processes.mean(pair.map { $0.detached().to(.float64).to(device).reshaped([]) })
                    return trial.damping(after: means[0] * (1 / examples), before: means[1] * (1 / examples))
                }
            }
        }
        return outcome
    }

    private var zeroLoss: Tensor { Tensor.zeros([], dtype: .float64, device: device) }

    private func takeStep() throws -> (outcome: StepOutcome, trial: DampingTrial?) {
        guard gathered.passes > 0 else {
            throw TorchError.invalidValue("step() without backward(_:) before it: there is no gradient to use")
        }
        let isTogether = processes.processes > 1
        let (isFinite, trial) = withoutGradientsAndAutocast {
            scaleFallbackGradients()
            if isTogether { fallback.average(over: processes, lossScale: lossScale) }
            let lossesFinite = gathered.areFinite ?? Tensor(true, device: device)
            let othersFinite = fallback.gradientsAreFinite.map { $0.logicalAnd(lossesFinite) } ?? lossesFinite
            let (directions, isFinite) =
                preconditioner.hasGathered || isTogether
                ? preconditioner.directions(learningRates: blockLearningRates, othersFinite: othersFinite)
                : ([], othersFinite)
            // On other devices the updates look at the flag themselves, and the host waits only at the end.
            guard isFinite.device.kind != .cpu || isFinite.item(as: Bool.self) else {
                fallback.discard()
                return (isFinite, nil as DampingTrial?)
            }
            guard !gathered.hasEmpty || directions.contains(where: { $0 != nil }) || !fallback.gradients.isEmpty else {
                // Nobody had any examples.
                return (Tensor(false), nil)
            }
            let trial = dampingTrial()
            apply(directions, foundInfinity: isFinite.logicalNot().to(.float32))
            return (isFinite, trial)
        }
        gathered = GatheredLosses()
        let verdict = statistics.read(isFinite)
        statistics.finishStep(verdict)
        return (try count(verdict.isFinite), trial)
    }

    private func withoutGradientsAndAutocast<Result>(_ body: () -> Result) -> Result {
        withoutAutocast(device: device.kind) { withoutGradients(body) }
    }

    /// Of a sum over examples the blocks make the mean by themselves.
    private func scaleFallbackGradients() {
        guard options.curvature.lossReduction == .sum, preconditioner.gatheredExamples > 0 else { return }
        fallback.scale(by: Tensor(1 / Double(preconditioner.gatheredExamples)))
    }

    /// The largest learning rate of each block's parameters: what the trust region has to reckon with.
    private var blockLearningRates: [Double] {
        layers.map { layer in layer.parameters.map { grouping.learningRate(of: $0.parameter) }.max() ?? 0 }
    }

    private func dampingTrial() -> DampingTrial? {
        guard case .adaptive(let rule) = options.curvature.dampingPolicy, stepCount % rule.interval == 0 else {
            return nil
        }
        return DampingTrial(rule, layers: layers, preconditioner: preconditioner, fallback: fallback)
    }

    /// W <- W - lr (m + wd W), where m <- momentum m + d (section 6 of the algorithm); nothing where `foundInfinity` is
    /// 1.
    private func apply(_ directions: [[Tensor]?], foundInfinity: Tensor) {
        let updates = zip(layers, directions).flatMap { layer, direction in
            direction.map { zip(layer.parameters.map(\.parameter), $0).map { (parameter: $0, direction: $1) } } ?? []
        }
        let active = updates.filter(\.parameter.requiresGradient)
        for (group, members) in grouped(active, by: { grouping.group(of: $0.parameter) }) {
            let (settings, learningRate) = (grouping.settings[group], grouping.rates.current[group])
            let parameters = members.map(\.parameter.value)
            applyDecoupledWeightDecay(
                parameters, learningRate: learningRate, decay: settings.weightDecay, foundInfinity: foundInfinity)
            applySGD(
                parameters, gradients: members.map(\.direction),
                buffers: settings.momentum == 0 ? [] : members.compactMap { momenta[$0.parameter] },
                learningRate: learningRate, momentum: settings.momentum, foundInfinity: foundInfinity)
        }
        fallback.apply(grouping, foundInfinity: foundInfinity)
    }

    private func count(_ isFinite: Bool) throws -> StepOutcome {
        try counter.count(
            isFinite: isFinite, limit: options.maximumSkippedSteps,
            what: "a loss, gradients or statistics",
            advice: """
                lower the learning rate (now \(learningRate)), raise the damping (now \(preconditioner.currentDamping))
                """)
    }
}

/// The losses of the backward passes since the last step.
private struct GatheredLosses {
    /// How many passes there were.
    private(set) var passes = 0
    /// Whether any of them had no examples.
    private(set) var hasEmpty = false
    /// The sum of the losses; nil without any.
    private(set) var sum: Tensor?
    /// Whether all of them are finite; nil without any.
    private(set) var areFinite: Tensor?

    /// - Parameter loss: nil for a pass without examples.
    mutating func add(_ loss: Tensor?) {
        passes += 1
        guard let loss else { return hasEmpty = true }
        let isFinite = loss.allFinite()
        areFinite = areFinite.map { $0.logicalAnd(isFinite) } ?? isFinite
        sum = sum.map { $0 + loss } ?? loss
    }
}

private func processProblems(_ options: FOPOptions, _ processes: any ProcessReduction) -> [String] {
    guard processes.processes > 1, options.curvature.subBatches != 2 else { return [] }
    return [
        """
        curvature.subBatches is \(options.curvature.subBatches) with \(processes.processes) processes, which are two \
        sub-batches: use 2
        """
    ]
}
