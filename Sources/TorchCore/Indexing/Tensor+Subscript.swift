private enum Op {
    static let index = Operator("aten::index", "Tensor")
    static let indexPut = Operator("aten::index_put_")
}

extension Tensor {
    /// Entries of the tensor, with torch's meaning of indices.
    ///
    /// ```swift
    /// x[0]                        x[-1, 2]            // entries; negative numbers count from the end
    /// x[0..<5]                    x[1...]             // ranges
    /// x[.all, 1..<3]              x[.ellipsis, 0]     // whole dimensions
    /// x[.slice(1, to: -1)]        x[.every(2)]        // ends that count from the end, steps
    /// x[.newAxis]                 x[indices]          // a new dimension; an integer or a bool tensor
    /// x[0] = y                    x[mask] = z         // assignment
    /// ```
    ///
    /// Without tensors among the indices the result is a view, which shares the memory: `x[0].fill(1)` changes x. With
    /// tensors it is a copy. Assignment copies, broadcast, into the entries in both cases.
    public subscript(
        _ indices: any TensorIndexing..., file file: StaticString = #fileID, line line: UInt = #line
    ) -> Tensor {
        get {
            guard let part = IndexedView(self, indices.map(\.tensorIndex), file, line) else { return .undefined }
            guard !part.picks.isEmpty else { return part.view }
            return call(Op.index, file: file, line: line) {
                $0.push(part.view)
                $0.push(part.picks)
            }
        }
        nonmutating set {
            guard let part = IndexedView(self, indices.map(\.tensorIndex), file, line) else { return }
            guard !part.picks.isEmpty else {
                return part.view.copy(from: newValue.withoutLeadingOnes(file, line), file: file, line: line)
            }
            _ = call(Op.indexPut, file: file, line: line) {
                $0.push(part.view)
                $0.push(part.picks)
                $0.push(newValue.withoutLeadingOnes(file, line))
                $0.push(false)
            }
        }
    }

    /// Dimensions of size 1 in front do not count in an assignment.
    private func withoutLeadingOnes(_ file: StaticString, _ line: UInt) -> Tensor {
        let shape = shape
        let rest = shape.drop { $0 == 1 }
        return rest.count == shape.count ? self : reshaped(Array(rest), file: file, line: line)
    }
}
