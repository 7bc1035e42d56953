import TorchCore

/// The largest element under each position of a window: N x channels x height x width.
public final class MaxPool2d: Module, Layer {
    /// The window's size, the distance between its positions, what is put around, the distance between its elements.
    public let kernel, stride, padding, dilation: [Int]
    /// Whether a window that begins inside but ends outside counts.
    public let roundingUp: Bool

    /// - Parameter stride: the kernel's size by default.
    public convenience init(
        kernel: Int, stride: Int? = nil, padding: Int = 0, dilation: Int = 1, roundingUp: Bool = false
    ) {
        self.init(
            kernel: (kernel, kernel), stride: stride.map { ($0, $0) }, padding: (padding, padding),
            dilation: (dilation, dilation), roundingUp: roundingUp)
    }

    /// The same with height and width apart.
    public init(
        kernel: (Int, Int), stride: (Int, Int)? = nil, padding: (Int, Int) = (0, 0), dilation: (Int, Int) = (1, 1),
        roundingUp: Bool = false
    ) {
        self.kernel = [kernel.0, kernel.1]
        self.stride = stride.map { [$0, $1] } ?? [kernel.0, kernel.1]
        self.padding = [padding.0, padding.1]
        self.dilation = [dilation.0, dilation.1]
        self.roundingUp = roundingUp
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        input.maxPooled(
            kernel: kernel, stride: stride, padding: padding, dilation: dilation, roundingUp: roundingUp)
    }
}

/// The largest element under each position of a window: N x channels x length.
public final class MaxPool1d: Module, Layer {
    /// The window's size, the distance between its positions, what is put around, the distance between its elements.
    public let kernel, stride, padding, dilation: Int
    /// Whether a window that begins inside but ends outside counts.
    public let roundingUp: Bool

    /// - Parameter stride: the kernel's size by default.
    public init(kernel: Int, stride: Int? = nil, padding: Int = 0, dilation: Int = 1, roundingUp: Bool = false) {
        self.kernel = kernel
        self.stride = stride ?? kernel
        self.padding = padding
        self.dilation = dilation
        self.roundingUp = roundingUp
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        input.maxPooled(
            kernel: [kernel], stride: [stride], padding: [padding], dilation: [dilation], roundingUp: roundingUp)
    }
}

/// The mean under each position of a window: N x channels x height x width.
public final class AvgPool2d: Module, Layer {
    /// The window's size, the distance between its positions, how many zeros are put around.
    public let kernel, stride, padding: [Int]
    /// Whether a window that begins inside but ends outside counts.
    public let roundingUp: Bool
    /// Whether the zeros put around count as elements.
    public let countingPadding: Bool

    /// - Parameter stride: the kernel's size by default.
    public convenience init(
        kernel: Int, stride: Int? = nil, padding: Int = 0, roundingUp: Bool = false, countingPadding: Bool = true
    ) {
        self.init(
            kernel: (kernel, kernel), stride: stride.map { ($0, $0) }, padding: (padding, padding),
            roundingUp: roundingUp, countingPadding: countingPadding)
    }

    /// The same with height and width apart.
    public init(
        kernel: (Int, Int), stride: (Int, Int)? = nil, padding: (Int, Int) = (0, 0), roundingUp: Bool = false,
        countingPadding: Bool = true
    ) {
        self.kernel = [kernel.0, kernel.1]
        self.stride = stride.map { [$0, $1] } ?? [kernel.0, kernel.1]
        self.padding = [padding.0, padding.1]
        self.roundingUp = roundingUp
        self.countingPadding = countingPadding
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        input.averagePooled(
            kernel: kernel, stride: stride, padding: padding, roundingUp: roundingUp,
            countingPadding: countingPadding)
    }
}

/// The mean under each position of a window: N x channels x length.
public final class AvgPool1d: Module, Layer {
    /// The window's size, the distance between its positions, how many zeros are put around.
    public let kernel, stride, padding: Int
    /// Whether a window that begins inside but ends outside counts.
    public let roundingUp: Bool
    /// Whether the zeros put around count as elements.
    public let countingPadding: Bool

    /// - Parameter stride: the kernel's size by default.
    public init(
        kernel: Int, stride: Int? = nil, padding: Int = 0, roundingUp: Bool = false, countingPadding: Bool = true
    ) {
        self.kernel = kernel
        self.stride = stride ?? kernel
        self.padding = padding
        self.roundingUp = roundingUp
        self.countingPadding = countingPadding
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        input.averagePooled(
            kernel: [kernel], stride: [stride], padding: [padding], roundingUp: roundingUp,
            countingPadding: countingPadding)
    }
}

/// Means over windows chosen so that each channel comes out with the given height and width: 1 x 1 is global pooling.
public final class AdaptiveAvgPool2d: Module, Layer {
    /// Height and width of the output.
    public let size: [Int]

    /// An output of the given height and width.
    public init(_ height: Int, _ width: Int) {
        size = [height, width]
        super.init()
    }

    /// A square output.
    public convenience init(_ size: Int) { self.init(size, size) }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.adaptiveAveragePooled(size: size) }
}

/// Means over windows chosen so that the output has the given length: N x channels x length.
public final class AdaptiveAvgPool1d: Module, Layer {
    /// The length of the output.
    public let size: Int

    /// An output of the given length.
    public init(_ size: Int) {
        self.size = size
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor { input.adaptiveAveragePooled(size: [size]) }
}
