import TorchCore

private enum Op {
    static let dropout = Operator("aten::dropout")
}

/// In training, each element is 0 with some probability p and `x / (1 - p)` otherwise; in evaluation, the input itself.
/// What falls out is drawn from the device's default generator: on the CPU ``Generator/default``.
public final class Dropout: Module, Layer {
    /// With what probability an element is dropped.
    public let probability: Double

    /// - Parameter probability: from 0 to 1.
    public init(_ probability: Double = 0.5) {
        checkArgument(
            (0...1).contains(probability), of: "Dropout",
            "dropout probability has to be between 0 and 1, but got \(probability)")
        self.probability = probability
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.dropout(probability, training: isTraining) }
}

extension Tensor {
    /// Each element 0 with the given probability p and `x / (1 - p)` otherwise; this tensor itself when not training.
    public func dropout(
        _ probability: Double, training: Bool = true, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.dropout, file: file, line: line) {
            $0.push(self)
            $0.push(probability)
            $0.push(training)
        }
    }
}
