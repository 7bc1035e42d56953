import TorchCore

extension Module {
    /// Moves parameters and buffers to a device, or changes their type, in place: optimizers and layers that share a
    /// parameter see the new value. Only floating-point tensors change their type.
    /// - Throws: ``TorchError/deviceUnavailable(_:)``, ``TorchError/invalidValue(_:)`` for a type that is not a
    ///   floating-point one, or what the device says, such as that its memory is full; then nothing has changed.
    @discardableResult public func to(device: Device? = nil, dtype: DType? = nil) throws -> Self {
        try device?.validated()
        if let dtype, !dtype.isFloatingPoint {
            throw TorchError.invalidValue("a model's type is a floating-point one, \(dtype) is not")
        }
        func moved(_ tensor: Tensor) -> Tensor {
            var result = tensor.detached()
            if let dtype, result.dtype.isFloatingPoint { result = result.to(dtype) }
            if let device { result = result.to(device) }
            return result
        }
        let parameters = namedParameters.map(\.parameter)
        let buffers = namedBuffers.map(\.buffer)
        let (values, bufferValues) = try TorchError.catching {
            withoutGradients { (parameters.map { moved($0.value) }, buffers.map { moved($0.value) }) }
        }
        for (parameter, value) in zip(parameters, values) { parameter.value = value }
        for (buffer, value) in zip(buffers, bufferValues) { buffer.value = value }
        return self
    }
}
