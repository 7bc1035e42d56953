/// What can stand between the brackets of a tensor's subscript: numbers, ranges, tensors and the words of
/// ``TensorIndex``.
public protocol TensorIndexing {
    /// It as an index.
    var tensorIndex: TensorIndex { get }
}

/// One of the indices in `x[0, 1..<3, .ellipsis]`, with the meaning that it has in torch.
public struct TensorIndex: TensorIndexing, Sendable {
    enum Kind: Sendable {
        case integer(Int)
        case slice(start: Int?, end: Int?, step: Int)
        case newAxis
        case ellipsis
        case tensor(Tensor)
    }

    let kind: Kind

    /// Itself.
    public var tensorIndex: TensorIndex { self }
}

extension TensorIndexing where Self == TensorIndex {
    /// A whole dimension: Python's `:`.
    public static var all: TensorIndex { TensorIndex(kind: .slice(start: nil, end: nil, step: 1)) }

    /// As many whole dimensions as the other indices leave over: Python's `...`.
    public static var ellipsis: TensorIndex { TensorIndex(kind: .ellipsis) }

    /// A new dimension of size 1: Python's `None`.
    public static var newAxis: TensorIndex { TensorIndex(kind: .newAxis) }

    /// Every `step`-th entry from `start` up to but without `end`: Python's `start:end:step`. Negative numbers count
    /// from the end, what lies outside is left out.
    public static func slice(_ start: Int? = nil, to end: Int? = nil, step: Int = 1) -> TensorIndex {
        TensorIndex(kind: .slice(start: start, end: end, step: step))
    }

    /// Every `step`-th entry of a dimension: Python's `::step`.
    public static func every(_ step: Int) -> TensorIndex {
        TensorIndex(kind: .slice(start: nil, end: nil, step: step))
    }
}

extension Int: TensorIndexing {
    /// One entry of a dimension, which goes; negative numbers count from the end.
    public var tensorIndex: TensorIndex { TensorIndex(kind: .integer(self)) }
}

extension Range: TensorIndexing where Bound == Int {
    /// Some entries of a dimension.
    public var tensorIndex: TensorIndex { TensorIndex(kind: .slice(start: lowerBound, end: upperBound, step: 1)) }
}

extension ClosedRange: TensorIndexing where Bound == Int {
    /// Some entries of a dimension, the last one included.
    public var tensorIndex: TensorIndex { .through(lowerBound, upperBound) }
}

extension PartialRangeFrom: TensorIndexing where Bound == Int {
    /// The entries of a dimension from one on.
    public var tensorIndex: TensorIndex { TensorIndex(kind: .slice(start: lowerBound, end: nil, step: 1)) }
}

extension PartialRangeUpTo: TensorIndexing where Bound == Int {
    /// The entries of a dimension before one.
    public var tensorIndex: TensorIndex { TensorIndex(kind: .slice(start: nil, end: upperBound, step: 1)) }
}

extension PartialRangeThrough: TensorIndexing where Bound == Int {
    /// The entries of a dimension up to and with one.
    public var tensorIndex: TensorIndex { .through(nil, upperBound) }
}

extension Tensor: TensorIndexing {
    /// Entries of a dimension by their numbers (an integer type), or those where a bool tensor of the dimensions'
    /// sizes is true.
    public var tensorIndex: TensorIndex { TensorIndex(kind: .tensor(self)) }
}

extension TensorIndex {
    /// After -1, the last entry, comes the end.
    fileprivate static func through(_ first: Int?, _ last: Int) -> TensorIndex {
        TensorIndex(kind: .slice(start: first, end: last == -1 ? nil : last + 1, step: 1))
    }

    /// How many of the tensor's dimensions the index stands for.
    var dimensions: Int {
        switch kind {
        case .integer, .slice: 1
        case .newAxis, .ellipsis: 0
        case .tensor(let tensor): tensor.dtype == .bool ? tensor.rank : 1
        }
    }
}
