/// What a list of indices makes of a tensor: a view, and what the tensors among the indices still pick from it.
///
/// The rules are torch's: numbers, ranges and new axes yield views, applied from left to right; then all tensors
/// together pick elements, as `aten::index` describes.
struct IndexedView {
    /// Shares the tensor's memory.
    var view: Tensor
    /// For each dimension of the view the tensor that picks from it; empty when there was none.
    var picks: [Tensor?] = []

    private let file: StaticString
    private let line: UInt
    // The dimension of the view that the next index is for, and that of the original, for messages.
    private var dimension = 0
    private var originalDimension = 0

    /// Nil after a failure, which is reported.
    init?(_ tensor: Tensor, _ indices: [TensorIndex], _ file: StaticString, _ line: UInt) {
        view = tensor
        self.file = file
        self.line = line
        let specified = indices.reduce(0) { $0 + $1.dimensions }
        guard specified <= tensor.rank else {
            fail(
                tensor.rank == 0
                    ? "invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number"
                    : "too many indices for tensor of dimension \(tensor.rank)")
            return nil
        }
        for index in indices {
            guard apply(index, specified: specified, rank: tensor.rank) else { return nil }
        }
    }

    private mutating func apply(_ index: TensorIndex, specified: Int, rank: Int) -> Bool {
        switch index.kind {
        case .integer(let number):
            return select(number)
        case .slice(let start, let end, let step):
            guard step > 0 else { return fail("step must be greater than zero") }
            if start != nil || end != nil || step != 1 {
                view = view.sliced(dimension, from: start, to: end, step: step, file: file, line: line)
            }
            dimension += 1
            originalDimension += 1
        case .newAxis:
            view = view.unsqueezed(dimension, file: file, line: line)
            dimension += 1
        case .ellipsis:
            dimension += rank - specified
            originalDimension += rank - specified
        case .tensor(let tensor):
            return record(tensor)
        }
        return view.isDefined
    }

    private mutating func select(_ number: Int) -> Bool {
        let size = view.size(dimension, file: file, line: line)
        guard -size..<size ~= number else {
            return fail("index \(number) is out of bounds for dimension \(originalDimension) with size \(size)")
        }
        view = view.selected(dimension, number, file: file, line: line)
        originalDimension += 1
        return view.isDefined
    }

    private mutating func record(_ tensor: Tensor) -> Bool {
        guard !tensor.dtype.isFloatingPoint else {
            return fail("tensors used as indices must be long, int, byte or bool tensors")
        }
        if tensor.dtype == .bool { return record(mask: tensor) }
        if tensor.rank == 0 { return select(tensor.item(as: Int.self, file: file, line: line)) }
        append(tensor)
        originalDimension += 1
        return true
    }

    /// A mask stands for as many dimensions as it has: each gets the indices of the true elements.
    private mutating func record(mask: Tensor) -> Bool {
        let shape = view.shape
        for (offset, size) in mask.shape.enumerated() where shape[dimension + offset] != size {
            return fail(
                "The shape of the mask \(mask.shape) at index \(offset) does not match the shape of the indexed tensor "
                    + "\(shape) at index \(dimension + offset)")
        }
        if mask.rank == 0 {
            // No dimension of its own: a new one with one entry or none.
            view = view.unsqueezed(dimension, file: file, line: line)
            append(mask.unsqueezed(0, file: file, line: line).nonzeroIndices(file: file, line: line).selected(1, 0))
            return view.isDefined
        }
        for indices in mask.nonzeroIndices(file: file, line: line).unstacked(1, file: file, line: line) {
            append(indices)
        }
        originalDimension += mask.rank
        return true
    }

    private mutating func append(_ tensor: Tensor) {
        while picks.count < dimension { picks.append(nil) }
        picks.append(tensor)
        dimension += 1
    }

    @discardableResult private func fail(_ message: String) -> Bool {
        operatorFailure("index", message, file, line)
        return false
    }
}
