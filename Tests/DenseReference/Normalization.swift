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

    /// The normalised input: N x channels x … , or N x … x shape.
    public func normalize(_ input: DenseArray, epsilon: Double) -> DenseArray {
        var result = input
        var members: [[Int]: [Int]] = [:]
        for (flat, index) in allIndices(input.shape).enumerated() { members[key(index, input.shape), default: []].append(flat) }
        for places in members.values {
            let numbers = places.map { input.values[$0] }
            let count = Double(numbers.count)
            let mean = isCentred ? numbers.reduce(0, +) / count : 0
            let variance = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
            for place in places { result.values[place] = (input.values[place] - mean) / (variance + epsilon).squareRoot() }
        }
        return result
    }

    /// The examples' own gradients of scale and shift, given the output's derivative.
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
            return LayerExample(gradient: (0..<units).flatMap { unit in
                (hasWeight ? [scales[unit]] : []) + (hasBias ? [shifts[unit]] : [])
            })
        }
    }

    private var isCentred: Bool { if case .rootMeanSquare = self { false } else { true } }

    /// What tells the sets of numbers apart that are normalised together.
    private func key(_ index: [Int], _ shape: [Int]) -> [Int] {
        switch self {
        case .batch: [index[1]]
        case .group(let groups): [index[0], index[1] / (shape[1] / groups)]
        case .layer(let inner), .rootMeanSquare(let inner): Array(index.dropLast(inner.count))
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
