import TorchCore

/// What a transposed convolution of one, two or three dimensions has in common: it computes what the gradient of a
/// convolution with respect to its input would be, and so makes pictures larger.
///
/// Along each dimension `outputs = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + outputPadding + 1`.
open class ConvolutionTranspose: Module, Layer {
    /// inputs x outputs / groups x kernel…
    public let weight: Parameter
    /// outputs
    public let bias: Parameter?
    /// One number per dimension of the kernel.
    public let stride, padding, outputPadding, dilation: [Int]
    /// Into how many independent parts the channels are divided.
    public let groups: Int

    init(
        _ inputs: Int, _ outputs: Int, kernel: [Int], stride: [Int], padding: [Int], outputPadding: [Int],
        dilation: [Int], groups: Int, bias: Bool, generator: Generator
    ) {
        checkArgument(
            groups > 0 && inputs % groups == 0 && outputs % groups == 0, of: "ConvolutionTranspose",
            "\(groups) groups do not divide \(inputs) input and \(outputs) output channels")
        // torch takes the second size of the weight for the inputs, here as everywhere.
        let perGroup = outputs / max(groups, 1)
        weight = Parameter(Initializer.layerWeight([inputs, perGroup] + kernel, generator: generator))
        let initialBias = Initializer.layerBias(fanIn: perGroup * kernel.reduce(1, *))
        self.bias = bias ? Parameter(initialBias([outputs], generator: generator)) : nil
        self.stride = stride
        self.padding = padding
        self.outputPadding = outputPadding
        self.dilation = dilation
        self.groups = groups
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor {
        let output = input.convolution(
            weight: weight.value, bias: bias?.value, stride: stride, padding: padding, dilation: dilation,
            transposed: true, outputPadding: outputPadding, groups: groups)
        return observed(input: input, output: output)
    }
}

/// A transposed convolution over N x channels x height x width.
public final class ConvTranspose2d: ConvolutionTranspose {
    /// Weights and bias are drawn from U(-1/sqrt(n), 1/sqrt(n)) with n = outputs / groups * kernel², as torch's.
    /// - Parameters:
    ///   - kernel: the size of the (square) kernel.
    ///   - padding: how much is cut off all around.
    ///   - outputPadding: how much longer the output is at its lower and right end.
    public convenience init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
        dilation: Int = 1, groups: Int = 1, bias: Bool = true, generator: Generator = .default
    ) {
        self.init(
            inputs, outputs, kernel: (kernel, kernel), stride: (stride, stride), padding: (padding, padding),
            outputPadding: (outputPadding, outputPadding), dilation: (dilation, dilation), groups: groups, bias: bias,
            generator: generator)
    }

    /// The same with height and width apart.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: (Int, Int), stride: (Int, Int) = (1, 1), padding: (Int, Int) = (0, 0),
        outputPadding: (Int, Int) = (0, 0), dilation: (Int, Int) = (1, 1), groups: Int = 1, bias: Bool = true,
        generator: Generator = .default
    ) {
        super.init(
            inputs, outputs, kernel: [kernel.0, kernel.1], stride: [stride.0, stride.1],
            padding: [padding.0, padding.1], outputPadding: [outputPadding.0, outputPadding.1],
            dilation: [dilation.0, dilation.1], groups: groups, bias: bias, generator: generator)
    }
}

/// A transposed convolution over N x channels x length.
public final class ConvTranspose1d: ConvolutionTranspose {
    /// Weights and bias are drawn from U(-1/sqrt(n), 1/sqrt(n)) with n = outputs / groups * kernel, as torch's.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
        dilation: Int = 1, groups: Int = 1, bias: Bool = true, generator: Generator = .default
    ) {
        super.init(
            inputs, outputs, kernel: [kernel], stride: [stride], padding: [padding], outputPadding: [outputPadding],
            dilation: [dilation], groups: groups, bias: bias, generator: generator)
    }
}

/// A transposed convolution over N x channels x depth x height x width.
public final class ConvTranspose3d: ConvolutionTranspose {
    /// Weights and bias are drawn from U(-1/sqrt(n), 1/sqrt(n)) with n = outputs / groups * kernel³, as torch's.
    /// - Parameter kernel: the size of the (cubic) kernel.
    public init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, outputPadding: Int = 0,
        dilation: Int = 1, groups: Int = 1, bias: Bool = true, generator: Generator = .default
    ) {
        func cube(_ value: Int) -> [Int] { [value, value, value] }
        super.init(
            inputs, outputs, kernel: cube(kernel), stride: cube(stride), padding: cube(padding),
            outputPadding: cube(outputPadding), dilation: cube(dilation), groups: groups, bias: bias,
            generator: generator)
    }
}
