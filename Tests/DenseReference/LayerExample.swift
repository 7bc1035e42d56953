/// What one example brought to one layer.
public struct LayerExample {
    /// One use of the weight: what went in, with a 1 at its end where there is a bias, and the derivative of the
    /// example's own loss with respect to what came out.
    public struct Position {
        public var input, output: [Double]

        public init(input: [Double], output: [Double]) {
            self.input = input
            self.output = output
        }
    }

    /// For layers with a weight: for each group of the layer, its positions. Empty for scale and shift.
    public var groups: [[Position]]
    /// The example's own gradient of all of the layer's parameters, in the order of the layer's vector: groups,
    /// outputs, inputs with the bias last; or units, then weight and bias.
    public var gradient: [Double]

    /// For a layer with a weight: the sum over positions of g a^T.
    public init(groups: [[Position]]) {
        self.groups = groups
        gradient = groups.flatMap { positions in
            var sum = Matrix(zeros: positions[0].output.count, positions[0].input.count)
            for position in positions { sum.add(outer: position.output, position.input) }
            return sum.values
        }
    }

    /// For a scale and a shift.
    public init(gradient: [Double]) {
        groups = []
        self.gradient = gradient
    }

    /// The same example passing through the layer again: its positions are more positions of the same weight.
    public func again(_ other: LayerExample) -> LayerExample {
        groups.isEmpty
            ? LayerExample(gradient: combine(gradient, 1, other.gradient))
            : LayerExample(groups: zip(groups, other.groups).map { $0 + $1 })
    }
}
