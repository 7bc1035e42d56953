/// How the damping changes during a run; it starts from ``CurvatureConfiguration/damping``.
public enum DampingPolicy: Equatable, Sendable {
    /// It stays.
    case fixed
    /// It is multiplied by a factor that depends on the number of steps taken.
    case scheduled(StepFunction<Double>)
    /// It follows how well the quadratic model predicts the loss (Levenberg-Marquardt).
    case adaptive(AdaptiveDamping = AdaptiveDamping())

    /// The damping is multiplied by what `factor` returns for the number of steps taken so far.
    public static func scheduled(_ factor: @escaping @Sendable (_ step: Int) -> Double) -> DampingPolicy {
        .scheduled(StepFunction(factor))
    }
}

/// The damping for a batch size where none was set: 40 over the batch size, from 0.001 to 0.1. The mean gradient's noise
/// falls as one over the batch size, and M^-1 amplifies it by up to one over the damping. Before there is a batch: 0.01.
public func automaticDamping(batchSize: Int) -> Double {
    batchSize > 0 ? min(max(40 / Double(batchSize), 1e-3), 0.1) : 1e-2
}

/// Levenberg-Marquardt's rule (Martens & Grosse 2015, section 6.5): every `interval` steps the loss is computed again
/// after the step, on the same batch. Where it changed by more than 3/4 of what the quadratic model
/// `<g, delta> + 1/2 <delta, F delta>` predicts, the damping is multiplied by `decay^interval`; where by less than 1/4,
/// or the other way, divided by it.
public struct AdaptiveDamping: Equatable, Sendable {
    /// Steps between two changes; 1 or more.
    public var interval = 5
    /// What a step's share in a change is; above 0 and below 1.
    public var decay = 0.95
    /// The damping stays at or above this.
    public var minimum = 1e-8
    /// The damping stays at or below this.
    public var maximum = 1e3

    public init() {}

    /// The damping after a step whose loss changed by `actual` where `predicted` was expected.
    public func next(_ damping: Double, actual: Double, predicted: Double) -> Double {
        let change = pow(decay, interval)
        let ratio = actual / predicted
        let next = ratio > 0.75 ? damping * change : ratio < 0.25 || ratio.isNaN ? damping / change : damping
        return min(max(next, minimum), maximum)
    }

    var problems: [String] {
        var problems: [String] = []
        func require(_ condition: Bool, _ problem: String) { if !condition { problems.append(problem) } }
        require(interval >= 1, "adaptive damping's interval is \(interval): use a whole number of 1 or more")
        require(decay > 0 && decay < 1, "adaptive damping's decay is \(decay): use a number between 0 and 1")
        require(
            minimum >= 0 && minimum <= maximum && maximum.isFinite,
            "adaptive damping goes from \(minimum) to \(maximum): use finite numbers of 0 or more, the smaller first")
        return problems
    }
}

private func pow(_ base: Double, _ exponent: Int) -> Double { (0..<exponent).reduce(1) { power, _ in power * base } }
