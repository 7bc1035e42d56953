import Torch

/// Reduces the learning rate when a metric no longer gets better: torch's `ReduceLROnPlateau`.
///
/// ```swift
/// var plateau = try ReduceOnPlateau(.minimize, patience: 5)
/// for epoch in 0..<epochs {
///     …
///     optimizer.learningRate = plateau.next(optimizer.learningRate, after: validationLoss)
/// }
/// ```
public struct ReduceOnPlateau: Equatable, Sendable {
    /// What is better.
    public enum Mode: Equatable, Sendable {
        /// A smaller metric, such as a loss.
        case minimize
        /// A larger metric, such as an accuracy.
        case maximize
    }

    /// What counts as better than the best so far.
    public enum Threshold: Equatable, Sendable {
        /// By this share of the best. As in torch the share is taken of the signed number: use ``absolute(_:)`` for
        /// metrics below 0.
        case relative(Double)
        /// By this much.
        case absolute(Double)
    }

    /// What is better.
    public let mode: Mode
    /// What the learning rate is multiplied with.
    public let factor: Double
    /// How many bad results in a row are tolerated.
    public let patience: Int
    /// What counts as better.
    public let threshold: Threshold
    /// For how many results after a reduction bad ones do not count.
    public let cooldown: Int
    /// The learning rate does not go below it.
    public let minimum: Double
    /// Reductions by no more than this are not made.
    public let epsilon: Double

    /// The best metric so far; infinite before the first.
    public private(set) var best: Double
    /// How many results in a row were not better.
    public private(set) var badResults = 0
    /// For how many more results bad ones do not count.
    public private(set) var cooldownLeft = 0

    /// - Throws: ``TorchError/invalidValue(_:)`` that lists everything that is out of range, with the legal range.
    public init(
        _ mode: Mode = .minimize, factor: Double = 0.1, patience: Int = 10, threshold: Threshold = .relative(1e-4),
        cooldown: Int = 0, minimum: Double = 0, epsilon: Double = 1e-8
    ) throws {
        try checked {
            $0.share("factor", factor)
            $0.count("patience", patience, atLeast: 0)
            switch threshold {
            case .relative(let value), .absolute(let value): $0.nonNegative("threshold", value)
            }
            $0.count("cooldown", cooldown, atLeast: 0)
            $0.nonNegative("minimum", minimum)
            $0.nonNegative("epsilon", epsilon)
        }
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.cooldown = cooldown
        self.minimum = minimum
        self.epsilon = epsilon
        best = mode == .minimize ? .infinity : -.infinity
    }

    /// The learning rate to go on with.
    /// - Parameters:
    ///   - learningRate: the present one.
    ///   - metric: the newest result; NaN counts as bad.
    public mutating func next(_ learningRate: Double, after metric: Double) -> Double {
        if isBetter(metric) {
            best = metric
            badResults = 0
        } else {
            badResults += 1
        }
        if cooldownLeft > 0 {
            cooldownLeft -= 1
            badResults = 0
        }
        guard badResults > patience else { return learningRate }
        cooldownLeft = cooldown
        badResults = 0
        let reduced = max(learningRate * factor, minimum)
        return learningRate - reduced > epsilon ? reduced : learningRate
    }

    private func isBetter(_ metric: Double) -> Bool {
        switch (mode, threshold) {
        case (.minimize, .relative(let share)): metric < best * (1 - share)
        case (.minimize, .absolute(let amount)): metric < best - amount
        case (.maximize, .relative(let share)): metric > best * (1 + share)
        case (.maximize, .absolute(let amount)): metric > best + amount
        }
    }

    // MARK: State

    /// What a resumed run needs.
    public var state: [String: Tensor] {
        ["best": Tensor(best), "bad_results": Tensor(badResults), "cooldown_left": Tensor(cooldownLeft)]
    }

    /// Goes on from a saved ``state``.
    /// - Throws: ``TorchError/stateMismatch(_:)`` naming the first key or shape that differs; then nothing has changed.
    public mutating func load(_ state: [String: Tensor]) throws {
        var reader = StateReader(state)
        let new = (
            best: try reader.number("best"), badResults: try reader.count("bad_results"),
            cooldownLeft: try reader.count("cooldown_left")
        )
        try reader.finish()
        (best, badResults, cooldownLeft) = new
    }
}
