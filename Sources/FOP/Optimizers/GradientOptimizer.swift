import Torch

/// An optimizer that follows an ``UpdateRule``: ``SGD``, ``AdamW`` and the other baselines, and yours.
///
/// A step whose loss or gradients are not finite changes nothing and is counted. Parameters without a gradient in a
/// step are left as they are, also by weight decay and momentum, as in torch. Frozen parameters cost nothing, and can
/// be unfrozen at any time.
open class GradientOptimizer<Rule: UpdateRule>: Optimizer, GradientClipping {
    /// The rule's settings, for parameters in no group and for what groups do not set themselves. Can be changed
    /// between steps.
    public var rule: Rule {
        didSet {
            precondition(rule.problems.isEmpty, rule.problems.joined(separator: "; "))
            for state in states where state.stepCount > 0 { reconcileBuffers(of: state) }
        }
    }
    /// The learning rate of the parameters in no group, then that of each group. Can be changed between steps.
    public var learningRates: [Double] {
        get { rates.current }
        set {
            precondition(newValue.count == parts.count, "\(parts.count) learning rates expected")
            rates.current = newValue
        }
    }
    /// After so many steps in a row that were not finite, ``step()`` throws with advice.
    public var maximumSkippedSteps = 20

    /// What ``backward(_:)`` multiplies the loss with, and divides the gradients by: for low-precision types, see
    /// ``LossScaler``.
    public var lossScale = 1.0

    private var rates: GroupedLearningRates
    private let parts: [Part]
    private let states: [ParameterState]
    private var store: GradientStore
    private var lossesAreFinite: Tensor?
    private var counter = StepCounter()
    private let statistics: ModelStatistics

    /// Parameters that are treated alike.
    private struct Part {
        let states: [ParameterState]
        let configure: (inout Rule) -> Void
    }

    /// - Parameters:
    ///   - learningRate: the step size, 0 or above.
    ///   - rule: how gradients become changes.
    ///   - groups: parameters that are treated in their own way.
    /// - Throws: ``TorchError/invalidValue(_:)`` that lists everything that is out of range, with the legal range.
    public init(_ model: Module, learningRate: Double, rule: Rule, groups: [ParameterGroup<Rule>] = []) throws {
        let named = model.namedParameters
        try checkSettings(named.map(\.parameter), learningRate: learningRate, rule: rule, groups: groups)
        self.rule = rule
        store = GradientStore(named)
        statistics = ModelStatistics(model)
        states = named.map { ParameterState(name: $0.name, parameter: $0.parameter) }
        let byParameter = Dictionary(uniqueKeysWithValues: states.map { (ObjectIdentifier($0.parameter), $0) })
        let members = groups.map { $0.parameters.compactMap { byParameter[ObjectIdentifier($0)] } }
        for (index, group) in members.enumerated() { for state in group { state.group = index + 1 } }
        parts =
            [Part(states: states.filter { $0.group == 0 }, configure: { _ in })]
            + zip(members, groups).map { Part(states: $0, configure: $1.configure) }
        rates = GroupedLearningRates(learningRate, groups: groups.map(\.learningRate))
    }

    // MARK: Learning rate and counts

    /// The learning rate of the parameters in no group. Assigning it changes those of the groups in proportion to what
    /// they were at the start.
    public var learningRate: Double {
        get { rates.base }
        set { rates.base = newValue }
    }

    /// How many steps changed the parameters.
    public var stepCount: Int { counter.applied }
    /// How many steps were left out because the loss or gradients were not finite.
    public var skippedStepCount: Int { counter.skipped }

    // MARK: Gathering

    public func backward(_ loss: Tensor) throws {
        let trainable = store.trainable
        guard !trainable.isEmpty else {
            throw TorchError.invalidValue("all parameters are frozen: there is nothing to train")
        }
        let new = gradients(of: [scaled(loss, by: lossScale)], withRespectTo: store.values(trainable))
        withoutGradients {
            store.add(unscaled(new, by: lossScale), of: trainable)
            let isFinite = loss.detached().allFinite()
            lossesAreFinite = lossesAreFinite.map { $0.logicalAnd(isFinite) } ?? isFinite
        }
    }

    public func discardGradients() {
        store.discard()
        lossesAreFinite = nil
    }

    @discardableResult public func clipGradientNorm(maximum: Double) throws -> Tensor {
        try withoutGradients { try store.clipNorm(maximum: maximum) }
    }

    /// Moves every element of the gradients into `-maximum...maximum`, as torch's `clip_grad_value_`.
    /// - Throws: ``TorchError/invalidValue(_:)`` for a maximum that is not above 0.
    public func clipGradientValues(maximum: Double) throws {
        try withoutGradients { try store.clipValues(maximum: maximum) }
    }

    // MARK: The step

    @discardableResult public func step() throws -> StepOutcome {
        guard let lossesAreFinite else {
            throw TorchError.invalidValue("step() without backward(_:) before it: there is no gradient to use")
        }
        let verdict = withoutGradients {
            let all = store.areFinite.map { $0.logicalAnd(lossesAreFinite.to($0.device)) } ?? lossesAreFinite
            let verdict = statistics.read(all)
            if verdict.isFinite { apply() }
            return verdict
        }
        discardGradients()
        statistics.finishStep(verdict)
        return try counter.count(
            isFinite: verdict.isFinite, limit: maximumSkippedSteps,
            advice: "lower the learning rate (now \(learningRate)), clip the gradients")
    }

    private func apply() {
        let gradients = store.take()
        for (index, part) in parts.enumerated() {
            let active = part.states.filter { gradients[ObjectIdentifier($0.parameter)] != nil }
            guard !active.isEmpty else { continue }
            for state in active { prepare(state) }
            rule(ofPart: index).update(
                active, gradients: active.compactMap { gradients[ObjectIdentifier($0.parameter)] },
                learningRate: learningRates[index])
        }
    }

    private func rule(ofPart index: Int) -> Rule {
        var rule = rule
        parts[index].configure(&rule)
        return rule
    }

    private func initialBuffers(of state: ParameterState) -> [String: Tensor] {
        rule(ofPart: state.group).initialBuffers(for: state.value)
    }

    private func prepare(_ state: ParameterState) {
        if state.stepCount == 0 { state.buffers = initialBuffers(of: state) }
        state.stepCount += 1
    }

    /// After a change of settings: buffers that the rule did not use so far are made, those that it no longer uses go.
    private func reconcileBuffers(of state: ParameterState) {
        let old = state.buffers
        state.buffers = initialBuffers(of: state)
        state.buffers.merge(old.filter { state.buffers[$0.key] != nil }) { $1 }
    }

    // MARK: State

    /// The counts and learning rates, and for each parameter how many updates it had and its buffers, as
    /// `<parameter>.<buffer>`; and under `layout` the parameters' names and shapes.
    public var state: [String: Tensor] {
        var tensors = counter.state
        tensors[StateLayout.key] = layout.tensor
        tensors["learning_rates"] = Tensor(learningRates)
        for state in states {
            tensors["\(state.name).step"] = Tensor(state.stepCount)
            for (name, buffer) in state.buffers { tensors["\(state.name).\(name)"] = buffer }
        }
        return tensors
    }

    /// Goes on from a saved ``state``, of any type and on any device.
    public func load(_ state: [String: Tensor]) throws {
        var reader = StateReader(state)
        if let saved = try reader.layout() {
            try layout.checkParameters(of: saved)
            try layout.checkTreatments(of: saved)
        }
        let newCounter = try StepCounter(&reader)
        let newRates = try reader.tensor("learning_rates", shape: [learningRates.count]).scalars(as: Double.self)
        let new = try states.map { try read($0, &reader) }
        try reader.finish()
        counter = newCounter
        learningRates = newRates
        for (state, (stepCount, fresh, saved)) in zip(states, new) {
            for (name, buffer) in fresh { buffer.copy(from: saved[name]!) }
            state.stepCount = stepCount
            state.buffers = fresh
        }
        discardGradients()
    }

    private var layout: StateLayout {
        StateLayout(states.map { .init(name: $0.name, shape: $0.parameter.shape, treatment: "\(Rule.self)") })
    }

    /// The saved count and buffers of a parameter, and buffers of its own type and device to copy them into.
    private func read(
        _ state: ParameterState, _ reader: inout StateReader
    ) throws -> (stepCount: Int, fresh: [String: Tensor], saved: [String: Tensor]) {
        let stepCount = try reader.count("\(state.name).step")
        let fresh = stepCount == 0 ? [:] : initialBuffers(of: state)
        return (stepCount, fresh, try reader.tensors(fresh.mapValues(\.shape), prefix: "\(state.name)."))
    }
}
