import TorchCore

/// What a parameter's numbers are at first. Distributions, and with one seed the numbers, are those of `torch.nn.init`.
///
/// ```swift
/// let weight = Parameter(Initializer.kaimingNormal()([64, 32, 3, 3], generator: generator))
/// layer.weight.initialize(.orthogonal(gain: 2), generator: generator)
/// ```
/// *Fan in* is the product of all sizes but the first, *fan out* of all but the second: a weight is
/// outputs x inputs x kernel….
public enum Initializer: Equatable, Sendable {
    /// 0
    case zeros
    /// 1
    case ones
    /// One number everywhere.
    case constant(Double)
    /// U(from, to)
    case uniform(from: Double = 0, to: Double = 1)
    /// N(mean, standardDeviation^2)
    case normal(mean: Double = 0, standardDeviation: Double = 1)
    /// N(mean, standardDeviation^2), drawn again until it lies between `from` and `to`.
    case truncatedNormal(mean: Double = 0, standardDeviation: Double = 1, from: Double = -2, to: Double = 2)
    /// U(-a, a) with `a = gain * sqrt(6 / (fan in + fan out))` (Glorot & Bengio 2010).
    case xavierUniform(gain: Double = 1)
    /// N(0, s^2) with `s = gain * sqrt(2 / (fan in + fan out))`.
    case xavierNormal(gain: Double = 1)
    /// U(-a, a) with `a = gain * sqrt(3 / fan)` (He et al. 2015).
    case kaimingUniform(fan: Fan = .in, nonlinearity: Nonlinearity = .relu)
    /// N(0, s^2) with `s = gain / sqrt(fan)`.
    case kaimingNormal(fan: Fan = .in, nonlinearity: Nonlinearity = .relu)
    /// Orthonormal rows or columns, whichever are fewer, times `gain` (Saxe et al. 2013); dimensions from the second on
    /// count as one.
    case orthogonal(gain: Double = 1)

    /// Which number of connections keeps its variance.
    public enum Fan: Sendable {
        /// The inputs': variances stay in the forward pass.
        case `in`
        /// The outputs': variances stay in the backward pass.
        case out
    }

    /// What follows the layer; it decides the gain.
    public enum Nonlinearity: Equatable, Sendable {
        case linear
        case sigmoid
        case tanh
        case relu
        case leakyReLU(negativeSlope: Double = 0.01)
        case selu

        /// What the weights' standard deviation is multiplied with: torch's `calculate_gain`.
        public var gain: Double {
            switch self {
            case .linear, .sigmoid: 1
            case .tanh: 5.0 / 3
            case .relu: 2.0.squareRoot()
            case .leakyReLU(let slope): (2 / (1 + slope * slope)).squareRoot()
            case .selu: 3.0 / 4
            }
        }
    }

    /// A new tensor.
    public func callAsFunction(
        _ shape: [Int], dtype: DType = .float32, device: Device = .cpu, generator: Generator = .default,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        let tensor = Tensor.empty(shape, dtype: dtype, device: device, file: file, line: line)
        fill(tensor, generator: generator, file: file, line: line)
        return tensor
    }

    /// Writes over a tensor's numbers.
    /// - Precondition: two dimensions at least for the kinds that need a fan, and for `orthogonal`.
    public func fill(
        _ tensor: Tensor, generator: Generator = .default, file: StaticString = #fileID, line: UInt = #line
    ) {
        let target = RandomFill(tensor: tensor, generator: generator, file: file, line: line)
        withoutGradients {
            switch self {
            case .zeros: tensor.fill(0, file: file, line: line)
            case .ones: tensor.fill(1, file: file, line: line)
            case .constant(let value): tensor.fill(value, file: file, line: line)
            case .uniform(let low, let high): target.uniform(low, high)
            case .normal(let mean, let deviation): target.normal(mean, deviation)
            case .truncatedNormal(let mean, let deviation, let low, let high):
                target.truncatedNormal(mean, deviation, low, high)
            case .xavierUniform(let gain):
                let bound = 3.0.squareRoot() * target.xavierDeviation(gain)
                target.uniform(-bound, bound)
            case .xavierNormal(let gain): target.normal(0, target.xavierDeviation(gain))
            case .kaimingUniform(let fan, let nonlinearity):
                let bound = 3.0.squareRoot() * target.kaimingDeviation(fan, nonlinearity)
                target.uniform(-bound, bound)
            case .kaimingNormal(let fan, let nonlinearity):
                target.normal(0, target.kaimingDeviation(fan, nonlinearity))
            case .orthogonal(let gain): target.orthogonal(gain)
            }
        }
    }
}

extension Parameter {
    /// Writes over the value, in place.
    public func initialize(
        _ initializer: Initializer, generator: Generator = .default, file: StaticString = #fileID, line: UInt = #line
    ) {
        initializer.fill(value, generator: generator, file: file, line: line)
    }
}

extension Initializer {
    /// What torch's linear layers and convolutions draw their weights from: U(-1/sqrt(fan in), 1/sqrt(fan in)), the
    /// bound computed in torch's way, so that not even rounding differs.
    static let layerWeight = Initializer.kaimingUniform(
        fan: .in, nonlinearity: .leakyReLU(negativeSlope: 5.0.squareRoot()))

    /// What they draw the bias from.
    static func layerBias(fanIn: Int) -> Initializer {
        let bound = fanIn > 0 ? 1 / Double(fanIn).squareRoot() : 0
        return .uniform(from: -bound, to: bound)
    }
}
