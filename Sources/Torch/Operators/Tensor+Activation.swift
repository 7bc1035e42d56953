import TorchCore

private enum Op {
    static let relu = Operator("aten::relu")
    static let gelu = Operator("aten::gelu")
    static let silu = Operator("aten::silu")
    static let tanh = Operator("aten::tanh")
    static let leakyReLU = Operator("aten::leaky_relu")
    static let elu = Operator("aten::elu")
    static let softplus = Operator("aten::softplus")
    static let hardswish = Operator("aten::hardswish")
}

/// How the normal distribution's cumulative function in GELU is computed.
public enum GELUApproximation: String, Sendable {
    /// `x / 2 * (1 + erf(x / sqrt(2)))`
    case none
    /// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`
    case tanh
}

extension Tensor {
    /// `max(x, 0)`
    public func relu(file: StaticString = #fileID, line: UInt = #line) -> Tensor { apply(Op.relu, file, line) }

    /// `x * P(z <= x)` for a standard normal z.
    public func gelu(
        approximation: GELUApproximation = .none, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.gelu, file: file, line: line) {
            $0.push(self)
            $0.push(approximation.rawValue)
        }
    }

    /// `x * sigmoid(x)`
    public func silu(file: StaticString = #fileID, line: UInt = #line) -> Tensor { apply(Op.silu, file, line) }

    /// The hyperbolic tangent.
    public func tanh(file: StaticString = #fileID, line: UInt = #line) -> Tensor { apply(Op.tanh, file, line) }

    /// `x` where it is positive, `negativeSlope * x` elsewhere.
    public func leakyReLU(
        negativeSlope: Double = 0.01, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.leakyReLU, file: file, line: line) {
            $0.push(self)
            $0.push(number: negativeSlope)
        }
    }

    /// `x` where it is positive, `alpha * (e^x - 1)` elsewhere.
    public func elu(alpha: Double = 1, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.elu, file: file, line: line) {
            $0.push(self)
            $0.push(number: alpha)
            $0.push(number: 1)
            $0.push(number: 1)
        }
    }

    /// `log(1 + e^(beta x)) / beta`; `x` itself where `beta x > threshold`.
    public func softplus(
        beta: Double = 1, threshold: Double = 20, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.softplus, file: file, line: line) {
            $0.push(self)
            $0.push(number: beta)
            $0.push(number: threshold)
        }
    }

    /// `x * min(max(x + 3, 0), 6) / 6`
    public func hardswish(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        apply(Op.hardswish, file, line)
    }

    private func apply(_ op: Operator, _ file: StaticString, _ line: UInt) -> Tensor {
        call(op, file: file, line: line) { $0.push(self) }
    }
}
