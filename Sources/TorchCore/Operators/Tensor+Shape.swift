private enum Op {
    static let reshape = Operator("aten::reshape")
    static let transpose = Operator("aten::transpose", "int")
    static let permute = Operator("aten::permute")
    static let narrow = Operator("aten::narrow")
    static let select = Operator("aten::select", "int")
    static let slice = Operator("aten::slice", "Tensor")
    static let unsqueeze = Operator("aten::unsqueeze")
    static let squeeze = Operator("aten::squeeze", "dim")
    static let squeezeAll = Operator("aten::squeeze")
    static let flatten = Operator("aten::flatten", "using_ints")
    static let expand = Operator("aten::expand")
    static let cat = Operator("aten::cat")
    static let stack = Operator("aten::stack")
    static let split = Operator("aten::split_with_sizes")
    static let indexSelect = Operator("aten::index_select")
    static let contiguous = Operator("aten::contiguous")
    static let clone = Operator("aten::clone")
    static let detach = Operator("aten::detach")
    static let convert = Operator("aten::_to_copy")
}

extension Tensor {
    /// The same elements in another shape; one size may be -1.
    public func reshaped(_ shape: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.reshape, file: file, line: line) {
            $0.push(self)
            $0.push(shape)
        }
    }

    /// Two dimensions exchanged.
    public func transposed(
        _ first: Int = -2, _ second: Int = -1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.transpose, file: file, line: line) {
            $0.push(self)
            $0.push(first)
            $0.push(second)
        }
    }

    /// The dimensions in another order.
    public func permuted(_ order: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.permute, file: file, line: line) {
            $0.push(self)
            $0.push(order)
        }
    }

    /// A view of `length` entries of a dimension.
    public func narrowed(
        _ dimension: Int, from start: Int, length: Int, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.narrow, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
            $0.push(start)
            $0.push(length)
        }
    }

    /// A view of one entry of a dimension, which goes.
    public func selected(
        _ dimension: Int, _ index: Int, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.select, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
            $0.push(index)
        }
    }

    /// A view of every `step`-th entry of a dimension.
    public func sliced(
        _ dimension: Int, from start: Int? = nil, to end: Int? = nil, step: Int = 1, file: StaticString = #fileID,
        line: UInt = #line
    ) -> Tensor {
        call(Op.slice, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
            $0.push(start)
            $0.push(end)
            $0.push(step)
        }
    }

    /// A dimension of size 1 put in.
    public func unsqueezed(_ dimension: Int, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.unsqueeze, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
        }
    }

    /// A dimension of size 1 taken out.
    public func squeezed(_ dimension: Int, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.squeeze, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
        }
    }

    /// All dimensions of size 1 taken out.
    public func squeezed(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.squeezeAll, file, line)
    }

    /// Dimensions `start` to `end` made one.
    public func flattened(
        from start: Int = 0, to end: Int = -1, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.flatten, file: file, line: line) {
            $0.push(self)
            $0.push(start)
            $0.push(end)
        }
    }

    /// Dimensions of size 1 repeated without copying; -1 leaves one as it is.
    public func expanded(_ shape: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.expand, file: file, line: line) {
            $0.push(self)
            $0.push(shape)
            $0.push(false)
        }
    }

    /// Tensors joined along a dimension.
    public static func concatenated(
        _ tensors: [Tensor], _ dimension: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.cat, file: file, line: line) {
            $0.push(tensors)
            $0.push(dimension)
        }
    }

    /// Tensors of one shape put beside each other along a new dimension.
    public static func stacked(
        _ tensors: [Tensor], _ dimension: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.stack, file: file, line: line) {
            $0.push(tensors)
            $0.push(dimension)
        }
    }

    /// Views of consecutive pieces of a dimension.
    public func split(
        _ sizes: [Int], _ dimension: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> [Tensor] {
        callList(Op.split, file: file, line: line) {
            $0.push(self)
            $0.push(sizes)
            $0.push(dimension)
        }
    }

    /// The entries of a dimension that `indices` (int64) names, in that order.
    public func indexSelect(
        _ dimension: Int, _ indices: Tensor, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.indexSelect, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
            $0.push(indices)
        }
    }

    /// The tensor in the given memory format: itself if it is already.
    public func contiguous(
        _ format: MemoryFormat = .contiguous, file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.contiguous, file: file, line: line) {
            $0.push(self)
            $0.push(format)
        }
    }

    /// A copy with memory of its own.
    public func cloned(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.clone, file: file, line: line) {
            $0.push(self)
            $0.pushNone()
        }
    }

    /// The same memory, outside of any gradient's graph.
    public func detached(file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        unary(Op.detach, file, line)
    }

    /// The tensor with elements of another type: itself if it has that type.
    public func to(_ dtype: DType, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        dtype == self.dtype ? self : converted(dtype: dtype, file: file, line: line)
    }

    /// The tensor on another device: itself if it is there.
    public func to(_ device: Device, file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        let here = self.device
        return here == device || (device.index < 0 && here.kind == device.kind)
            ? self : converted(device: device, file: file, line: line)
    }

    private func converted(
        dtype: DType? = nil, device: Device? = nil, file: StaticString, line: UInt
    ) -> Tensor {
        call(Op.convert, file: file, line: line) {
            $0.push(self)
            $0.push(dtype)
            $0.pushNone()
            $0.push(device)
            $0.pushNone()
            $0.push(false)
            $0.pushNone()
        }
    }
}
