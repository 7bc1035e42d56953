// The caller's line cannot be passed to an infix operator: a failure looks for it (see CallerLocation).

extension Tensor {
    /// The elementwise sum, broadcast.
    public static func + (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.adding(rhs) }
    /// The elementwise difference, broadcast.
    public static func - (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.subtracting(rhs) }
    /// The elementwise product, broadcast.
    public static func * (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.multiplied(by: rhs) }
    /// The elementwise quotient, broadcast.
    public static func / (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.divided(by: rhs) }
    /// A number added to each element.
    public static func + (lhs: Tensor, rhs: Double) -> Tensor { lhs.adding(rhs) }
    /// A number subtracted from each element.
    public static func - (lhs: Tensor, rhs: Double) -> Tensor { lhs.adding(-rhs) }
    /// Each element times a number.
    public static func * (lhs: Tensor, rhs: Double) -> Tensor { lhs.multiplied(by: rhs) }
    /// Each element divided by a number.
    public static func / (lhs: Tensor, rhs: Double) -> Tensor { lhs.divided(by: rhs) }
    /// A number added to each element.
    public static func + (lhs: Double, rhs: Tensor) -> Tensor { rhs.adding(lhs) }
    /// A number less each element.
    public static func - (lhs: Double, rhs: Tensor) -> Tensor { rhs.negated().adding(lhs) }
    /// A number times each element.
    public static func * (lhs: Double, rhs: Tensor) -> Tensor { rhs.multiplied(by: lhs) }
    /// A number divided by each element.
    public static func / (lhs: Double, rhs: Tensor) -> Tensor { rhs.reciprocal().multiplied(by: lhs) }
    /// Each element's negative.
    public static prefix func - (operand: Tensor) -> Tensor { operand.negated() }
}

// Comparisons element by element, spelled as for the SIMD types of the standard library. They yield bool tensors.
extension Tensor {
    /// Where the elements are equal, broadcast.
    public static func .== (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.elementsEqual(rhs) }
    /// Where the elements differ, broadcast.
    public static func .!= (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.elementsDiffer(from: rhs) }
    /// Where the left elements are smaller, broadcast.
    public static func .< (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.isLess(than: rhs) }
    /// Where the left elements are smaller or equal, broadcast.
    public static func .<= (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.isLessOrEqual(to: rhs) }
    /// Where the left elements are larger, broadcast.
    public static func .> (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.isGreater(than: rhs) }
    /// Where the left elements are larger or equal, broadcast.
    public static func .>= (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.isGreaterOrEqual(to: rhs) }
    /// Where the elements equal a number.
    public static func .== (lhs: Tensor, rhs: Double) -> Tensor { lhs.elementsEqual(rhs) }
    /// Where the elements differ from a number.
    public static func .!= (lhs: Tensor, rhs: Double) -> Tensor { lhs.elementsDiffer(from: rhs) }
    /// Where the elements are smaller than a number.
    public static func .< (lhs: Tensor, rhs: Double) -> Tensor { lhs.isLess(than: rhs) }
    /// Where the elements are smaller than a number or equal to it.
    public static func .<= (lhs: Tensor, rhs: Double) -> Tensor { lhs.isLessOrEqual(to: rhs) }
    /// Where the elements are larger than a number.
    public static func .> (lhs: Tensor, rhs: Double) -> Tensor { lhs.isGreater(than: rhs) }
    /// Where the elements are larger than a number or equal to it.
    public static func .>= (lhs: Tensor, rhs: Double) -> Tensor { lhs.isGreaterOrEqual(to: rhs) }
    /// Where both are true.
    public static func .& (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.logicalAnd(rhs) }
    /// Where either is true.
    public static func .| (lhs: Tensor, rhs: Tensor) -> Tensor { lhs.logicalOr(rhs) }
    /// The opposite of each truth value.
    public static prefix func .! (operand: Tensor) -> Tensor { operand.logicalNot() }
}
