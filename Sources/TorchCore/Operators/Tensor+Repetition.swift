private enum Op {
    static let `repeat` = Operator("aten::repeat")
    static let tile = Operator("aten::tile")
    static let roll = Operator("aten::roll")
    static let flip = Operator("aten::flip")
    static let unbind = Operator("aten::unbind", "int")
    static let chunk = Operator("aten::chunk")
}

extension Tensor {
    /// The tensor put beside itself: `counts` says how often along each dimension. More counts than dimensions put
    /// new ones in front.
    public func repeated(_ counts: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.repeat, file: file, line: line) {
            $0.push(self)
            $0.push(counts)
        }
    }

    /// The same, where fewer counts than dimensions belong to the last ones.
    public func tiled(_ counts: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.tile, file: file, line: line) {
            $0.push(self)
            $0.push(counts)
        }
    }

    /// The elements moved on by `shifts` along `dimensions`; those that leave come in again at the other end.
    public func rolled(
        _ shifts: [Int], _ dimensions: [Int], file: StaticString = #fileID, line: UInt = #line
    ) -> Tensor {
        call(Op.roll, file: file, line: line) {
            $0.push(self)
            $0.push(shifts)
            $0.push(dimensions)
        }
    }

    /// The elements in reversed order along `dimensions`.
    public func flipped(_ dimensions: [Int], file: StaticString = #fileID, line: UInt = #line) -> Tensor {
        call(Op.flip, file: file, line: line) {
            $0.push(self)
            $0.push(dimensions)
        }
    }

    /// Views of the entries of a dimension, which goes.
    public func unstacked(_ dimension: Int = 0, file: StaticString = #fileID, line: UInt = #line) -> [Tensor] {
        callList(Op.unbind, file: file, line: line) {
            $0.push(self)
            $0.push(dimension)
        }
    }

    /// Views of at most `count` pieces of a dimension, all of one size but the last.
    public func chunked(
        _ count: Int, _ dimension: Int = 0, file: StaticString = #fileID, line: UInt = #line
    ) -> [Tensor] {
        callList(Op.chunk, file: file, line: line) {
            $0.push(self)
            $0.push(count)
            $0.push(dimension)
        }
    }
}
