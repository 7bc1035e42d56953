import TorchCore

private enum Op {
    static let maxPool1d = Operator("aten::max_pool1d")
    static let maxPool2d = Operator("aten::max_pool2d")
    static let avgPool1d = Operator("aten::avg_pool1d")
    static let avgPool2d = Operator("aten::avg_pool2d")
    static let adaptiveAvgPool1d = Operator("aten::adaptive_avg_pool1d")
    static let adaptiveAvgPool2d = Operator("aten::adaptive_avg_pool2d")
}

extension Tensor {
    /// The largest element under each position of a window: over N x channels x length with one number per argument,
    /// over N x channels x height x width with two.
    /// - Parameters:
    ///   - stride: how far apart the positions are; the kernel's size by default.
    ///   - padding: how many positions of minus infinity are put around.
    ///   - roundingUp: whether a window that begins inside but ends outside counts.
    public func maxPooled(
        kernel: [Int], stride: [Int]? = nil, padding: [Int]? = nil, dilation: [Int]? = nil, roundingUp: Bool = false,
        file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(kernel.count == 1 ? Op.maxPool1d : Op.maxPool2d, file: file, line: line) {
            $0.push(self)
            $0.push(kernel)
            $0.push(stride ?? kernel)
            $0.push(padding ?? kernel.map { _ in 0 })
            $0.push(dilation ?? kernel.map { _ in 1 })
            $0.push(roundingUp)
        }
    }

    /// The mean of the elements under each position of a window, of one or two dimensions.
    /// - Parameters:
    ///   - stride: how far apart the positions are; the kernel's size by default.
    ///   - padding: how many zeros are put around.
    ///   - roundingUp: whether a window that begins inside but ends outside counts.
    ///   - countingPadding: whether the zeros put around count as elements.
    public func averagePooled(
        kernel: [Int], stride: [Int]? = nil, padding: [Int]? = nil, roundingUp: Bool = false,
        countingPadding: Bool = true, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(kernel.count == 1 ? Op.avgPool1d : Op.avgPool2d, file: file, line: line) {
            $0.push(self)
            $0.push(kernel)
            $0.push(stride ?? kernel)
            $0.push(padding ?? kernel.map { _ in 0 })
            $0.push(roundingUp)
            $0.push(countingPadding)
            if kernel.count == 2 { $0.pushNone() }
        }
    }

    /// Means over windows chosen so that the last one or two dimensions come out with the given size.
    public func adaptiveAveragePooled(
        size: [Int], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(size.count == 1 ? Op.adaptiveAvgPool1d : Op.adaptiveAvgPool2d, file: file, line: line) {
            $0.push(self)
            $0.push(size)
        }
    }
}
