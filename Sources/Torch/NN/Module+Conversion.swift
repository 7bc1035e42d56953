import TorchCore

private enum Op {
    static let clone = Operator("aten::clone")
}

extension Module {
    /// Moves all parameters and buffers to a device. The objects stay, their values are new: do it before making an
    /// optimizer.
    @discardableResult public func to(_ device: Device) -> Self { convert { $0.to(device) } }

    /// Converts all parameters and buffers that hold real numbers to a type, such as `.float64`.
    @discardableResult public func to(_ dtype: DType) -> Self {
        convert { $0.dtype.isFloatingPoint ? $0.to(dtype) : $0 }
    }

    /// Puts the elements of parameters and buffers in another order in memory: of those with four dimensions for
    /// `.channelsLast`, with five for `.channelsLast3d`, of all for `.contiguous`. Convolutions follow their weights,
    /// and are fastest with channels last.
    @discardableResult public func to(memoryFormat format: MemoryFormat) -> Self {
        convert { tensor in
            switch (format, tensor.rank) {
            case (.channelsLast, 4), (.channelsLast3d, 5), (.contiguous, _):
                // A clone has the strides of the format even where sizes of 1 leave them open: operators go by them.
                call(Op.clone, file: #fileID, line: #line) {
                    $0.push(tensor)
                    $0.push(format as MemoryFormat?)
                }
            default: tensor
            }
        }
    }

    private func convert(_ change: (Tensor) -> Tensor) -> Self {
        withoutGradients {
            for parameter in parameters { parameter.value = change(parameter.value.detached()) }
            for (_, buffer) in namedBuffers { buffer.value = change(buffer.value) }
        }
        return self
    }
}
