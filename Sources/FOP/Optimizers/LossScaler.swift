import Torch

/// Finds the largest loss scale that a model in float16 bears, as torch's `GradScaler`: halved after each step that was
/// not finite, doubled after so many that were.
///
/// ```swift
/// let optimizer = try FOP(model, learningRate: 0.1)
/// let scaler = LossScaler(optimizer)
/// for (images, labels) in batches {
///     let loss = withAutocast(.float16) { crossEntropy(model(images), labels) }
///     try optimizer.backward(loss)
///     scaler.update(try optimizer.step())
/// }
/// ```
/// The optimizer divides the scale out by itself, squared where it enters squared: gradients can be clipped as ever.
public final class LossScaler {
    /// What the scale is multiplied with after ``growthInterval`` good steps; above 1.
    public let growthFactor: Double
    /// What it is multiplied with after a step that was not finite; below 1.
    public let backoffFactor: Double
    /// After how many good steps in a row the scale grows.
    public let growthInterval: Int
    private let optimizer: any Optimizer
    private var goodSteps = 0

    /// Sets the optimizer's ``Optimizer/lossScale``.
    /// - Throws: ``TorchError/invalidValue(_:)`` that names what is out of range and the legal range.
    public init(
        _ optimizer: any Optimizer, initialScale: Double = 65536, growthFactor: Double = 2, backoffFactor: Double = 0.5,
        growthInterval: Int = 2000
    ) throws {
        var checks = SettingChecks()
        checks.positive("initialScale", initialScale)
        checks.require(growthFactor > 1 && growthFactor.isFinite, "growthFactor", growthFactor, "a number above 1")
        checks.require(backoffFactor > 0 && backoffFactor < 1, "backoffFactor", backoffFactor, "a number between 0 and 1")
        checks.count("growthInterval", growthInterval)
        try throwProblems(checks.problems)
        self.optimizer = optimizer
        self.growthFactor = growthFactor
        self.backoffFactor = backoffFactor
        self.growthInterval = growthInterval
        optimizer.lossScale = initialScale
    }

    /// The scale of the next step.
    public var scale: Double { optimizer.lossScale }

    /// What a resumed run needs.
    public var state: [String: Tensor] { ["scale": Tensor(scale), "good_steps": Tensor(goodSteps)] }

    /// Goes on from a saved ``state``.
    /// - Throws: ``TorchError/stateMismatch(_:)`` naming the first key or shape that differs; then nothing has changed.
    public func load(_ state: [String: Tensor]) throws {
        var reader = StateReader(state)
        let (scale, count) = (try reader.number("scale", minimum: 0), try reader.count("good_steps"))
        try reader.finish()
        optimizer.lossScale = scale
        goodSteps = count
    }

    /// Changes the scale as a step went.
    public func update(_ outcome: StepOutcome) {
        goodSteps = outcome == .applied ? goodSteps + 1 : 0
        if outcome == .skipped {
            optimizer.lossScale *= backoffFactor
        } else if goodSteps == growthInterval {
            optimizer.lossScale *= growthFactor
            goodSteps = 0
        }
    }
}

/// A loss as it is back-propagated.
func scaled(_ loss: Tensor, by scale: Double) -> Tensor { scale == 1 ? loss : inFullPrecision(loss) * scale }

/// Gradients of a scaled loss as those of the loss; in float32 at least, where half precision would lose them.
func unscaled(_ gradients: [Tensor?], by scale: Double) -> [Tensor?] {
    guard scale != 1 else { return gradients }
    return gradients.map { $0.map { inFullPrecision($0) * (1 / scale) } }
}

func inFullPrecision(_ tensor: Tensor) -> Tensor { tensor.dtype == .float64 ? tensor : tensor.to(.float32) }
