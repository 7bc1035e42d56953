import TorchCore

/// `max(x, 0)`
public final class ReLU: Module, Layer {
    public func callAsFunction(_ input: Tensor) -> Tensor { input.relu() }
}

/// `x * P(z <= x)` for a standard normal z.
public final class GELU: Module, Layer {
    /// How P is computed.
    public let approximation: GELUApproximation

    /// The exact function by default.
    public init(approximation: GELUApproximation = .none) {
        self.approximation = approximation
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.gelu(approximation: approximation) }
}

/// `x * sigmoid(x)`
public final class SiLU: Module, Layer {
    public func callAsFunction(_ input: Tensor) -> Tensor { input.silu() }
}

/// The hyperbolic tangent.
public final class Tanh: Module, Layer {
    public func callAsFunction(_ input: Tensor) -> Tensor { input.tanh() }
}

/// `1 / (1 + e^-x)`
public final class Sigmoid: Module, Layer {
    public func callAsFunction(_ input: Tensor) -> Tensor { input.sigmoid() }
}

/// `x` where it is positive, `negativeSlope * x` elsewhere.
public final class LeakyReLU: Module, Layer {
    /// What negative inputs are multiplied with.
    public let negativeSlope: Double

    /// A layer of the given slope.
    public init(negativeSlope: Double = 0.01) {
        self.negativeSlope = negativeSlope
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.leakyReLU(negativeSlope: negativeSlope) }
}

/// `x` where it is positive, `alpha * (e^x - 1)` elsewhere.
public final class ELU: Module, Layer {
    /// Minus the limit for very negative inputs.
    public let alpha: Double

    /// A layer of the given limit.
    public init(alpha: Double = 1) {
        self.alpha = alpha
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.elu(alpha: alpha) }
}

/// `log(1 + e^(beta x)) / beta`; `x` itself where `beta x > threshold`.
public final class Softplus: Module, Layer {
    /// How sharp the bend is.
    public let beta: Double
    /// Where the function is taken for linear.
    public let threshold: Double

    /// A layer of the given bend.
    public init(beta: Double = 1, threshold: Double = 20) {
        self.beta = beta
        self.threshold = threshold
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.softplus(beta: beta, threshold: threshold) }
}

/// `x * min(max(x + 3, 0), 6) / 6`
public final class Hardswish: Module, Layer {
    public func callAsFunction(_ input: Tensor) -> Tensor { input.hardswish() }
}

/// `e^x_i / sum_j e^x_j` along a dimension.
public final class Softmax: Module, Layer {
    /// The dimension that sums to one.
    public let dimension: Int

    /// Along the last dimension by default.
    public init(_ dimension: Int = -1) {
        self.dimension = dimension
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.softmax(dimension) }
}
