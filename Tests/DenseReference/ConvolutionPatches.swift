/// A convolution of any number of dimensions by loops over its definition.
public struct ReferenceConvolution: Sendable {
    public var channels, outputs: Int
    public var kernel, stride, padding, dilation: [Int]
    public var groups: Int
    public var hasBias: Bool

    public init(
        _ channels: Int, _ outputs: Int, kernel: [Int], stride: [Int]? = nil, padding: [Int]? = nil,
        dilation: [Int]? = nil, groups: Int = 1, hasBias: Bool = true
    ) {
        self.channels = channels
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride ?? kernel.map { _ in 1 }
        self.padding = padding ?? kernel.map { _ in 0 }
        self.dilation = dilation ?? kernel.map { _ in 1 }
        self.groups = groups
        self.hasBias = hasBias
    }

    /// The sizes of the output for the sizes of an input image.
    public func outputSizes(_ sizes: [Int]) -> [Int] {
        sizes.indices.map { d in
            (sizes[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d] + 1
        }
    }

    /// Where in an image (channels x sizes, row-major) the elements of one patch are: channel by channel of the group,
    /// then kernel position; nil in the padding.
    func patch(_ position: [Int], group: Int, sizes: [Int]) -> [Int?] {
        let perGroup = channels / groups
        return (group * perGroup..<(group + 1) * perGroup).flatMap { channel in
            allIndices(kernel).map { tap -> Int? in
                var flat = channel
                for d in sizes.indices {
                    let place = position[d] * stride[d] + tap[d] * dilation[d] - padding[d]
                    guard place >= 0, place < sizes[d] else { return nil }
                    flat = flat * sizes[d] + place
                }
                return flat
            }
        }
    }

    /// The patches of an image with their 1 for the bias: by group, then by position.
    public func patches(_ image: DenseArray) -> [[[Double]]] {
        let sizes = Array(image.shape[1...])
        return (0..<groups).map { group in
            allIndices(outputSizes(sizes)).map { position in
                patch(position, group: group, sizes: sizes).map { $0.map { image.values[$0] } ?? 0 }
                    + (hasBias ? [1] : [])
            }
        }
    }

    /// The columns of an output image (outputs x sizes): by group, then by position, the group's outputs.
    public func columns(_ output: DenseArray) -> [[[Double]]] {
        let positions = output.shape[1...].reduce(1, *)
        let perGroup = outputs / groups
        return (0..<groups).map { group in
            (0..<positions).map { position in
                (group * perGroup..<(group + 1) * perGroup).map { output.values[$0 * positions + position] }
            }
        }
    }

    /// The output image for a weight vector (groups, outputs, inputs with the bias last).
    func forward(_ image: DenseArray, weight: [Double]) -> DenseArray {
        let sizes = outputSizes(Array(image.shape[1...]))
        let positions = sizes.reduce(1, *)
        var result = DenseArray(zeros: [outputs] + sizes)
        for (group, matrix) in matrices(weight).enumerated() {
            for (position, patch) in patches(image)[group].enumerated() {
                for (row, number) in (matrix * patch).enumerated() {
                    result.values[(group * matrix.rows + row) * positions + position] = number
                }
            }
        }
        return result
    }

    /// The derivative with respect to the image.
    func backward(_ gradient: DenseArray, weight: [Double], inputShape: [Int]) -> DenseArray {
        var result = DenseArray(zeros: inputShape)
        let sizes = Array(inputShape[1...])
        let rows = columns(gradient)
        for (group, matrix) in matrices(weight).enumerated() {
            for (number, position) in allIndices(outputSizes(sizes)).enumerated() {
                let spread = matrix.transposed * rows[group][number]
                for (element, place) in patch(position, group: group, sizes: sizes).enumerated() {
                    if let place { result.values[place] += spread[element] }
                }
            }
        }
        return result
    }

    private func matrices(_ weight: [Double]) -> [Matrix] {
        let rows = outputs / groups
        let columns = weight.count / outputs
        return (0..<groups).map {
            Matrix(rows, columns, Array(weight[$0 * rows * columns..<($0 + 1) * rows * columns]))
        }
    }
}

/// All indices of an array of these sizes, in row-major order.
func allIndices(_ sizes: [Int]) -> [[Int]] {
    sizes.reduce([[]]) { found, size in found.flatMap { start in (0..<size).map { start + [$0] } } }
}
