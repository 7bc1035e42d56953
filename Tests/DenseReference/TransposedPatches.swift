/// A transposed convolution by its definition: input position p adds to output position p * stride - padding + tap *
/// dilation, for every tap of the kernel.
public struct ReferenceTransposedConvolution: Sendable {
    public var channels, outputs: Int
    public var kernel, stride, padding, outputPadding, dilation: [Int]
    public var groups: Int
    public var hasBias: Bool

    public init(
        _ channels: Int, _ outputs: Int, kernel: [Int], stride: [Int]? = nil, padding: [Int]? = nil,
        outputPadding: [Int]? = nil, dilation: [Int]? = nil, groups: Int = 1, hasBias: Bool = true
    ) {
        self.channels = channels
        self.outputs = outputs
        self.kernel = kernel
        self.stride = stride ?? kernel.map { _ in 1 }
        self.padding = padding ?? kernel.map { _ in 0 }
        self.outputPadding = outputPadding ?? kernel.map { _ in 0 }
        self.dilation = dilation ?? kernel.map { _ in 1 }
        self.groups = groups
        self.hasBias = hasBias
    }

    /// The sizes of the output for the sizes of an input image.
    public func outputSizes(_ sizes: [Int]) -> [Int] {
        sizes.indices.map { d in
            (sizes[d] - 1) * stride[d] - 2 * padding[d] + dilation[d] * (kernel[d] - 1) + outputPadding[d] + 1
        }
    }

    /// For each group and output position the input elements that reach it: by channel of the group, then by tap from
    /// the last to the first; 0 where a tap reaches nothing; a 1 for the bias at the end.
    public func rows(_ image: DenseArray) -> [[[Double]]] {
        let sizes = Array(image.shape[1...])
        let perGroup = channels / groups
        return (0..<groups).map { group in
            allIndices(outputSizes(sizes)).map { position in
                let elements = (group * perGroup..<(group + 1) * perGroup).flatMap { channel in
                    allIndices(kernel).reversed().map { tap in
                        source(of: position, tap, channel, sizes).map { image.values[$0] } ?? 0
                    }
                }
                return elements + (hasBias ? [1] : [])
            }
        }
    }

    /// The input element that a tap brings to an output position; nil for none.
    private func source(of position: [Int], _ tap: [Int], _ channel: Int, _ sizes: [Int]) -> Int? {
        var flat = channel
        for d in sizes.indices {
            let spread = position[d] + padding[d] - tap[d] * dilation[d]
            guard spread >= 0, spread % stride[d] == 0, spread / stride[d] < sizes[d] else { return nil }
            flat = flat * sizes[d] + spread / stride[d]
        }
        return flat
    }

    /// One example: channels x sizes and outputs x sizes.
    public func example(input: DenseArray, gradient: DenseArray) -> LayerExample {
        let positions = gradient.shape[1...].reduce(1, *)
        let perGroup = outputs / groups
        return LayerExample(
            groups: rows(input).enumerated().map { group, rows in
                rows.enumerated().map { position, row in
                    let own = (group * perGroup..<(group + 1) * perGroup).map { gradient.values[$0 * positions + position] }
                    return .init(input: row, output: own)
                }
            })
    }
}
