import TorchCore

/// What a convolution of one, two or three dimensions has in common.
///
/// Along each dimension `outputs = (size + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1`, rounded down.
///
/// Where that is faster on a CPU, the weight is multiplied with patches of the image: for 1 x 1 kernels with a stride on
/// channels-last images, and for images of one channel that need no gradient. The output lies channels last in memory
/// then.
open class Convolution: Module, Layer {
    /// outputs x inputs / groups x kernel…
    public let weight: Parameter
    /// outputs
    public let bias: Parameter?
    /// One number per dimension of the kernel.
    public let stride, padding, dilation: [Int]
    /// Into how many independent parts the channels are divided.
    public let groups: Int

    init(
        _ inputs: Int, _ outputs: Int, kernel: [Int], stride: [Int], padding: [Int], dilation: [Int], groups: Int,
        bias: Bool, generator: Generator
    ) {
        checkArgument(
            groups > 0 && inputs % groups == 0 && outputs % groups == 0, of: "Convolution",
            "\(groups) groups do not divide \(inputs) input and \(outputs) output channels")
        let perGroup = inputs / max(groups, 1)
        weight = Parameter(Initializer.layerWeight([outputs, perGroup] + kernel, generator: generator))
        let initialBias = Initializer.layerBias(fanIn: perGroup * kernel.reduce(1, *))
        self.bias = bias ? Parameter(initialBias([outputs], generator: generator)) : nil
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.groups = groups
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        if groups == 1,
            let patches = input.cheapPatches(
                weight: weight.value, stride: stride, padding: padding, dilation: dilation)
        {
            let output = patches.pointwiseConvolution(weight: weight.value, bias: bias?.value)
            return observed(input: input, output: output, context: .patches(patches))
        }
        let output = input.convolution(
            weight: weight.value, bias: bias?.value, stride: stride, padding: padding, dilation: dilation,
            groups: groups)
        return observed(input: input, output: output)
    }
}

/// A convolution over N x channels x height x width.
public final class Conv2d: Convolution {
    /// Weights and bias are drawn from U(-1/sqrt(fan in), 1/sqrt(fan in)), as torch's.
    /// - Parameters:
    ///   - kernel: the size of the (square) kernel.
    ///   - padding: zeros around the image.
    public convenience init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
        groups: Int = 1, bias: Bool = true, generator: Generator = .default
    ) {
        self.init(
            inputs, outputs, kernel: (kernel, kernel), stride: (stride, stride), padding: (padding, padding),
            dilation: (dilation, dilation), groups: groups, bias: bias, generator: generator)
    }

    /// The same with height and width apart.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: (Int, Int), stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0),
        dilation: (Int, Int) = (1, 1), groups: Int = 1, bias: Bool = true, generator: Generator = .default
    ) {
        super.init(
            inputs, outputs, kernel: [kernel.0, kernel.1], stride: [stride.0, stride.1],
            padding: [padding.0, padding.1], dilation: [dilation.0, dilation.1], groups: groups, bias: bias,
            generator: generator)
    }
}

/// A convolution over N x channels x length.
public final class Conv1d: Convolution {
    /// Weights and bias are drawn from U(-1/sqrt(fan in), 1/sqrt(fan in)), as torch's.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
        groups: Int = 1, bias: Bool = true, generator: Generator = .default
    ) {
        super.init(
            inputs, outputs, kernel: [kernel], stride: [stride], padding: [padding], dilation: [dilation],
            groups: groups, bias: bias, generator: generator)
    }
}

/// A convolution over N x channels x depth x height x width.
public final class Conv3d: Convolution {
    /// Weights and bias are drawn from U(-1/sqrt(fan in), 1/sqrt(fan in)), as torch's.
    /// - Parameter kernel: the size of the (cubic) kernel.
    public convenience init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
        groups: Int = 1, bias: Bool = true, generator: Generator = .default
    ) {
        self.init(
            inputs, outputs, kernel: (kernel, kernel, kernel), stride: (stride, stride, stride),
            padding: (padding, padding, padding), dilation: (dilation, dilation, dilation), groups: groups, bias: bias,
            generator: generator)
    }

    /// The same with depth, height and width apart.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: (Int, Int, Int), stride: (Int, Int, Int) = (1, 1, 1),
        padding: (Int, Int, Int) = (0, 0, 0), dilation: (Int, Int, Int) = (1, 1, 1), groups: Int = 1,
        bias: Bool = true, generator: Generator = .default
    ) {
        super.init(
            inputs, outputs, kernel: [kernel.0, kernel.1, kernel.2], stride: [stride.0, stride.1, stride.2],
            padding: [padding.0, padding.1, padding.2], dilation: [dilation.0, dilation.1, dilation.2],
            groups: groups, bias: bias, generator: generator)
    }
}
