import Torch

/// A number that changes during training, such as a learning rate: a function of the step, counted from 0.
///
/// The shapes start from 1 or rise to 1: they are shares of the learning rate that they are multiplied with. They can
/// be put together, and are assigned by the loop:
///
/// ```swift
/// let schedule = try 0.4 * Schedule.cosine(over: 950).warmedUp(over: 50)
/// for step in 0..<1000 {
///     optimizer.learningRate = schedule(step)
///     …
/// }
/// ```
///
/// What a step is, is the loop's choice: torch's schedulers are often stepped once per epoch, here `schedule(epoch)`.
/// Nothing is kept between steps, so a resumed run needs no state.
public struct Schedule: Sendable {
    private let value: @Sendable (Int) -> Double

    /// A shape of your own.
    public init(_ value: @escaping @Sendable (_ step: Int) -> Double) { self.value = value }

    /// The number for a step; steps below 0 count as 0.
    public func callAsFunction(_ step: Int) -> Double { value(max(step, 0)) }

    /// A schedule times a number.
    public static func * (factor: Double, schedule: Schedule) -> Schedule {
        Schedule { factor * schedule($0) }
    }

    /// The product of two schedules, as torch's `ChainedScheduler` makes it.
    public static func * (first: Schedule, second: Schedule) -> Schedule {
        Schedule { first($0) * second($0) }
    }

    /// This schedule for `steps` steps, then another, which counts from 0 again: torch's `SequentialLR`.
    /// - Throws: ``TorchError/invalidValue(_:)`` for a negative number of steps.
    public func followed(by next: Schedule, after steps: Int) throws -> Schedule {
        try checked { $0.count("steps", steps, atLeast: 0) }
        return Schedule { $0 < steps ? self($0) : next($0 - steps) }
    }

    /// A linear rise to 1 for `steps` steps, then this schedule, from its beginning.
    /// - Parameter start: the share at step 0; 1 / `steps` by default.
    /// - Throws: ``TorchError/invalidValue(_:)`` for a negative number of steps or a start outside 0 to 1.
    public func warmedUp(over steps: Int, from start: Double? = nil) throws -> Schedule {
        if steps == 0 { return self }
        return try Schedule.linear(from: start ?? 1 / Double(steps), to: 1, over: steps).followed(by: self, after: steps)
    }
}

/// Runs `checks` and throws all that is wrong.
func checked(_ checks: (inout SettingChecks) -> Void) throws {
    var collected = SettingChecks()
    checks(&collected)
    try throwProblems(collected.problems)
}
