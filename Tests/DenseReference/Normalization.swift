/// What a normalisation subtracts and divides by, from the definition.
public enum ReferenceNormalization: Sendable {
    /// Per channel over batch and positions.
    case batch
    /// Per example and group of channels.
    case group(Int)
    /// Per example and position over the last dimensions, of this shape.
    case layer([Int])
    /// The same without a mean: x / sqrt(mean(x^2) + eps).
    case rootMeanSquare([Int])

    /// Means and inverse standard deviations of N x … : one per channel, N x groups, or the input's shape with 1 for
    /// the normalised dimensions.
    public func statistics(_ input: DenseArray, epsilon: Double) -> (mean: DenseArray, scale: DenseArray) {
        var shape = keyShape(input.shape)
        var numbers = [[Double]](repeating: [], count: shape.reduce(1, *))
        for (value, index) in zip(input.values, allIndices(input.shape)) {
            numbers[place(index, input.shape)].append(value)
        }
        let means = numbers.map { isCentred ? $0.reduce(0, +) / Double($0.count) : 0 }
        let scales = zip(numbers, means).map { numbers, mean in
            let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)
            return 1 / (variance + epsilon).squareRoot()
        }
        switch self {
        case .batch, .group: break
        case .layer(let inner), .rootMeanSquare(let inner): shape += inner.map { _ in 1 }
        }
        return (DenseArray(shape, means), DenseArray(shape, scales))
    }

    /// The normalised input.
    public func normalize(_ input: DenseArray, epsilon: Double) -> DenseArray {
        let (means, scales) = statistics(input, epsilon: epsilon)
        return DenseArray(
            input.shape,
            zip(input.values, allIndices(input.shape)).map { value, index in
                let place = place(index, input.shape)
                return (value - means.values[place]) * scales.values[place]
            })
    }

    /// The examples' own gradients of scale and shift, given the output's derivative: unit by unit, scale before shift.
    public func examples(
        normalized: DenseArray, gradient: DenseArray, hasWeight: Bool = true, hasBias: Bool = true
    ) -> [LayerExample] {
        zip(normalized.parts, gradient.parts).map { normalized, gradient in
            let units = unitCount(normalized.shape)
            var (scales, shifts) = ([Double](repeating: 0, count: units), [Double](repeating: 0, count: units))
            for flat in gradient.values.indices {
                let unit = self.unit(flat, normalized.shape)
                scales[unit] += gradient.values[flat] * normalized.values[flat]
                shifts[unit] += gradient.values[flat]
            }
            return LayerExample(
                gradient: (0..<units).flatMap { unit in
                    (hasWeight ? [scales[unit]] : []) + (hasBias ? [shifts[unit]] : [])
                })
        }
    }

    private var isCentred: Bool { if case .rootMeanSquare = self { false } else { true } }

    /// How many sets of numbers are normalised together, in which arrangement.
    private func keyShape(_ shape: [Int]) -> [Int] {
        switch self {
        case .batch: [shape[1]]
        case .group(let groups): [shape[0], groups]
        case .layer(let inner), .rootMeanSquare(let inner): Array(shape.dropLast(inner.count))
        }
    }

    /// The number of the set that an element is in.
    private func place(_ index: [Int], _ shape: [Int]) -> Int {
        switch self {
        case .batch: index[1]
        case .group(let groups): index[0] * groups + index[1] / (shape[1] / groups)
        case .layer(let inner), .rootMeanSquare(let inner):
            zip(index, shape).dropLast(inner.count).reduce(0) { $0 * $1.1 + $1.0 }
        }
    }

    private func unitCount(_ example: [Int]) -> Int {
        switch self {
        case .batch, .group: example[0]
        case .layer(let shape), .rootMeanSquare(let shape): shape.reduce(1, *)
        }
    }

    private func unit(_ flat: Int, _ example: [Int]) -> Int {
        switch self {
        case .batch, .group: flat / example[1...].reduce(1, *)
        case .layer(let shape), .rootMeanSquare(let shape): flat % shape.reduce(1, *)
        }
    }
}
