import Foundation
import Torch

extension Schedule {
    /// The same number for ever.
    public static func constant(_ value: Double = 1) -> Schedule { Schedule { _ in value } }

    /// Times `factor` every so many steps: torch's `StepLR`.
    public static func step(every steps: Int, factor: Double = 0.1) throws -> Schedule {
        try checked {
            $0.count("every", steps)
            $0.nonNegative("factor", factor)
        }
        return Schedule { pow(factor, Double($0 / steps)) }
    }

    /// Times `factor` at each of some steps, twice at one that is named twice: torch's `MultiStepLR`.
    public static func multiStep(at steps: [Int], factor: Double = 0.1) throws -> Schedule {
        try checked {
            for (index, step) in steps.enumerated() { $0.count("at[\(index)]", step, atLeast: 0) }
            $0.nonNegative("factor", factor)
        }
        return Schedule { step in pow(factor, Double(steps.filter { $0 <= step }.count)) }
    }

    /// Times `factor` at every step: torch's `ExponentialLR`.
    public static func exponential(factor: Double) throws -> Schedule {
        try checked { $0.nonNegative("factor", factor) }
        return Schedule { pow(factor, Double($0)) }
    }

    /// Along a straight line for `steps` steps, then flat: torch's `LinearLR`.
    public static func linear(from start: Double, to end: Double, over steps: Int) throws -> Schedule {
        try checked {
            $0.nonNegative("from", start)
            $0.nonNegative("to", end)
            $0.count("over", steps)
        }
        return Schedule { start + (end - start) * Double(min($0, steps)) / Double(steps) }
    }

    /// From 1 to 0 as a power of what is left, then 0: torch's `PolynomialLR`; a straight line at power 1.
    public static func polynomial(over steps: Int, power: Double = 1) throws -> Schedule {
        try checked {
            $0.count("over", steps)
            $0.nonNegative("power", power)
        }
        return Schedule { $0 >= steps ? 0 : pow(1 - Double($0) / Double(steps), power) }
    }

    /// From 1 along half a cosine to `minimum`: torch's `CosineAnnealingLR` with `eta_min` as a share of the learning
    /// rate.
    ///
    /// As in torch it rises again after `steps` steps: follow it by ``constant(_:)`` if training goes on.
    public static func cosine(over steps: Int, to minimum: Double = 0) throws -> Schedule {
        try checked {
            $0.count("over", steps)
            $0.nonNegative("to", minimum)
        }
        return Schedule { minimum + (1 - minimum) * (1 + cos(.pi * Double($0) / Double(steps))) / 2 }
    }
}

// MARK: One cycle

/// How ``Schedule/oneCycle(over:warmUpShare:annealing:startDivisor:endDivisor:threePhase:)`` goes from one value to the
/// next.
public enum Annealing: Equatable, Sendable {
    /// Along half a cosine.
    case cosine
    /// Along a straight line.
    case linear

    fileprivate func between(_ start: Double, _ end: Double, at share: Double) -> Double {
        switch self {
        case .cosine: end + (start - end) / 2 * (1 + cos(.pi * share))
        case .linear: start + (end - start) * share
        }
    }
}

extension Schedule {
    /// Up to 1 and down to nearly 0 (Smith & Topin 2018): torch's `OneCycleLR` with 1 for its `max_lr`. Stays at the
    /// end's value afterwards, where torch refuses to go on.
    /// - Parameters:
    ///   - steps: of the whole cycle.
    ///   - warmUpShare: the share of the steps on the way up.
    ///   - startDivisor: the first value is 1 over this.
    ///   - endDivisor: the last value is the first over this.
    ///   - threePhase: whether the way down is the way up mirrored, and a third part leads to the last value.
    public static func oneCycle(
        over steps: Int, warmUpShare: Double = 0.3, annealing: Annealing = .cosine, startDivisor: Double = 25,
        endDivisor: Double = 1e4, threePhase: Bool = false
    ) throws -> Schedule {
        try checkCycle(steps, warmUpShare, threePhase) {
            $0.positive("startDivisor", startDivisor)
            $0.positive("endDivisor", endDivisor)
        }
        let first = 1 / startDivisor
        let last = first / endDivisor
        let corners = threePhase ? [first, 1, first, last] : [first, 1, last]
        return cycle(steps, warmUpShare, corners, annealing)
    }

    /// The momentum that goes with ``oneCycle(over:warmUpShare:annealing:startDivisor:endDivisor:threePhase:)``: from
    /// `high` down to `low` while the learning rate rises, and back. Torch's `cycle_momentum`.
    ///
    /// ```swift
    /// optimizer.rule.momentum = momentum(step)
    /// ```
    public static func oneCycleMomentum(
        over steps: Int, warmUpShare: Double = 0.3, annealing: Annealing = .cosine, from high: Double = 0.95,
        to low: Double = 0.85, threePhase: Bool = false
    ) throws -> Schedule {
        try checkCycle(steps, warmUpShare, threePhase) {
            $0.share("from", high)
            $0.share("to", low)
        }
        return cycle(steps, warmUpShare, threePhase ? [high, low, high, high] : [high, low, high], annealing)
    }

    private static func checkCycle(
        _ steps: Int, _ warmUpShare: Double, _ threePhase: Bool, _ more: (inout SettingChecks) -> Void
    ) throws {
        let most = threePhase ? 0.5 : 1.0
        try checked {
            $0.count("over", steps)
            $0.require(warmUpShare >= 0 && warmUpShare <= most, "warmUpShare", warmUpShare, "a number from 0 to \(most)")
            more(&$0)
        }
    }

    /// From corner to corner; the first corners are a warm-up apart, the last is at the last step.
    private static func cycle(
        _ steps: Int, _ warmUpShare: Double, _ corners: [Double], _ annealing: Annealing
    ) -> Schedule {
        let warmUp = warmUpShare * Double(steps)
        let end = Double(steps - 1)
        // Torch's counts: they can be fractions.
        let ends = corners.count == 4 ? [warmUp - 1, 2 * warmUp - 2, end] : [warmUp - 1, end]
        return Schedule { step in
            let step = min(Double(step), end)
            let phase = ends.firstIndex { step <= $0 } ?? ends.count - 1
            let start = phase == 0 ? 0 : ends[phase - 1]
            let length = ends[phase] - start
            let share = length > 0 ? (step - start) / length : 1
            return annealing.between(corners[phase], corners[phase + 1], at: share)
        }
    }
}

/// The linear scaling rule (Goyal et al. 2017): a learning rate that was tuned at one batch size, for another. Use it
/// with a warm-up.
/// - Parameters:
///   - learningRate: what was found good at `baseBatchSize`.
///   - batchSize: the number of examples per step now.
public func linearlyScaled(_ learningRate: Double, batchSize: Int, baseBatchSize: Int = 256) -> Double {
    learningRate * Double(batchSize) / Double(baseBatchSize)
}
