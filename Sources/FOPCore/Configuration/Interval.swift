/// How often something is done.
public enum Interval: Equatable, Sendable {
    /// Every so many steps; 1 is every step.
    case every(Int)
    /// The paper's rule: the larger the batch, the more often, down to every 5 steps. Here: about every 25,600
    /// examples. At the start of a run, when curvature changes fast, more often: at steps 0, 1, 2, 4, 8 and so on until
    /// the rule asks for more.
    case automatic
    /// A number of steps that depends on the step.
    case function(StepFunction<Int>)

    /// The number of steps that `body` returns for the number of steps taken so far; below 1 counts as 1.
    public static func function(_ body: @escaping @Sendable (_ step: Int) -> Int) -> Interval {
        .function(StepFunction(body))
    }

    /// The number of steps for a batch size, after so many steps.
    public func steps(batchSize: Int, step: Int = 0) -> Int {
        switch self {
        case .every(let steps): steps
        case .automatic: min(Self.automaticSteps(batchSize), Self.mostSteps(after: step))
        case .function(let function): max(1, function(step))
        }
    }

    /// Whether the start of a run is over, at which the automatic rule goes by the number of steps taken.
    func isSettled(batchSize: Int, step: Int) -> Bool {
        guard case .automatic = self else { return true }
        return Self.automaticSteps(batchSize) <= Self.mostSteps(after: step)
    }

    private static func automaticSteps(_ batchSize: Int) -> Int {
        max(5, Int((25_600 / Double(max(batchSize, 1))).rounded()))
    }

    private static func mostSteps(after step: Int) -> Int { max(1, (step + 1) / 2) }
}

/// A setting that depends on how many steps were taken. Two are equal when one is a copy of the other.
public struct StepFunction<Value: Sendable>: Equatable, Sendable {
    private final class Body: Sendable {
        let evaluate: @Sendable (Int) -> Value
        init(_ evaluate: @escaping @Sendable (Int) -> Value) { self.evaluate = evaluate }
    }

    private let body: Body

    /// - Parameter body: the value for the number of steps taken so far.
    public init(_ body: @escaping @Sendable (_ step: Int) -> Value) { self.body = Body(body) }

    /// The value after so many steps.
    public func callAsFunction(_ step: Int) -> Value { body.evaluate(step) }

    public static func == (one: StepFunction, other: StepFunction) -> Bool { one.body === other.body }
}
