import Torch
import XCTest

/// How far apart two numbers may be: `|actual - expected| <= absolute + relative * |expected|`.
public struct Tolerance: Sendable {
    /// The allowed share of the expected number.
    public var relative: Double
    /// The allowed difference beside it.
    public var absolute: Double

    /// With both parts.
    public init(relative: Double, absolute: Double) {
        self.relative = relative
        self.absolute = absolute
    }

    /// What `torch.testing.assert_close` allows for a type.
    public static func standard(for dtype: DType) -> Tolerance {
        switch dtype {
        case .float16: Tolerance(relative: 1e-3, absolute: 1e-5)
        case .bfloat16: Tolerance(relative: 1.6e-2, absolute: 1e-5)
        case .float32: Tolerance(relative: 1.3e-6, absolute: 1e-5)
        case .float64: Tolerance(relative: 1e-7, absolute: 1e-7)
        default: Tolerance(relative: 0, absolute: 0)
        }
    }

    func allows(_ actual: Double, _ expected: Double) -> Bool {
        actual == expected
            || (expected.isFinite && abs(actual - expected) <= absolute + relative * abs(expected))
    }
}

/// Fails unless shapes agree and every element of `actual` is within the tolerance of its partner; says which is worst.
///
/// Types need not agree: both sides are compared as float64. NaN is close to nothing, an infinity only to itself.
/// - Parameters:
///   - rtol: the allowed share of the expected number; by default as `torch.testing.assert_close` has it for the less
///     precise of the two types.
///   - atol: the allowed difference beside it; same default.
public func assertClose(
    _ actual: Tensor, _ expected: Tensor, rtol: Double? = nil, atol: Double? = nil,
    _ message: @autoclosure () -> String = "", file: StaticString = #filePath, line: UInt = #line
) {
    if let text = difference(actual, expected, rtol: rtol, atol: atol) { fail(text, message(), file, line) }
}

/// The same for a tensor that may be missing: nil fails.
public func assertClose(
    _ actual: Tensor?, _ expected: Tensor, rtol: Double? = nil, atol: Double? = nil,
    _ message: @autoclosure () -> String = "", file: StaticString = #filePath, line: UInt = #line
) {
    guard let actual else { return fail("there is no tensor (nil)", message(), file, line) }
    assertClose(actual, expected, rtol: rtol, atol: atol, message(), file: file, line: line)
}

/// The same for a tensor and the numbers that it should hold in row-major order; its shape is not looked at.
public func assertClose(
    _ actual: Tensor, _ expected: [Double], rtol: Double? = nil, atol: Double? = nil,
    _ message: @autoclosure () -> String = "", file: StaticString = #filePath, line: UInt = #line
) {
    guard actual.count == expected.count else {
        return fail("\(actual.count) elements, \(expected.count) expected", message(), file, line)
    }
    let other = Tensor(expected, shape: actual.shape)
    if let text = difference(actual, other, rtol: rtol, atol: atol) { fail(text, message(), file, line) }
}

/// The same for two lists of tensors.
public func assertClose(
    _ actual: [Tensor], _ expected: [Tensor], rtol: Double? = nil, atol: Double? = nil,
    _ message: @autoclosure () -> String = "", file: StaticString = #filePath, line: UInt = #line
) {
    guard actual.count == expected.count else {
        return fail("\(actual.count) tensors, \(expected.count) expected", message(), file, line)
    }
    for (index, (one, other)) in zip(actual, expected).enumerated() {
        if let text = difference(one, other, rtol: rtol, atol: atol) {
            fail("tensor \(index): \(text)", message(), file, line)
        }
    }
}

/// Fails unless `||actual - expected|| <= bound * ||expected||` in the Euclidean norm and shapes agree.
public func assertRelativeDifference(
    _ actual: Tensor, _ expected: Tensor, below bound: Double, _ message: @autoclosure () -> String = "",
    file: StaticString = #filePath, line: UInt = #line
) {
    guard actual.isDefined, expected.isDefined, actual.shape == expected.shape else {
        return fail("shape \(actual.shape), \(expected.shape) expected", message(), file, line)
    }
    let value = relativeDifference(actual, expected)
    // Written so that NaN fails.
    if !(value <= bound) { fail("relative difference \(value), allowed \(bound)", message(), file, line) }
}

/// `||actual - expected|| / ||expected||` in the Euclidean norm, computed in float64.
public func relativeDifference(_ actual: Tensor, _ expected: Tensor) -> Double {
    var distance = 0.0
    var length = 0.0
    for (one, other) in zip(actual.scalars(as: Double.self), expected.scalars(as: Double.self)) {
        distance += (one - other) * (one - other)
        length += other * other
    }
    return distance == 0 ? 0 : (distance / length).squareRoot()
}

/// What is wrong, or nil.
func difference(_ actual: Tensor, _ expected: Tensor, rtol: Double?, atol: Double?) -> String? {
    guard actual.isDefined, expected.isDefined else {
        return "an undefined tensor (\(actual.isDefined ? "expected" : "actual")) cannot be compared"
    }
    guard actual.shape == expected.shape else { return "shape \(actual.shape), \(expected.shape) expected" }
    var tolerance = [actual.dtype, expected.dtype].map(Tolerance.standard(for:)).max { $0.relative < $1.relative }!
    if let rtol { tolerance.relative = rtol }
    if let atol { tolerance.absolute = atol }
    let numbers = actual.scalars(as: Double.self)
    let references = expected.scalars(as: Double.self)
    guard numbers.count == references.count else {
        return "\(numbers.count) elements read, \(references.count) expected"
    }
    var wrong = 0
    var worst = (index: 0, excess: -Double.infinity)
    for (index, (number, reference)) in zip(numbers, references).enumerated()
    where !tolerance.allows(number, reference) {
        wrong += 1
        let distance = abs(number - reference)
        let excess = distance.isNaN ? .infinity : distance / (tolerance.absolute + tolerance.relative * abs(reference))
        if excess > worst.excess || wrong == 1 { worst = (index, excess) }
    }
    guard wrong > 0 else { return nil }
    let (number, reference) = (numbers[worst.index], references[worst.index])
    return """
        \(wrong) of \(numbers.count) elements differ; worst at \(position(worst.index, in: actual.shape)): \
        \(number), expected \(reference), difference \(abs(number - reference)), allowed \
        \(tolerance.absolute) + \(tolerance.relative) * |expected|
        """
}

/// The indices of the element that is number `flat` in row-major order.
func position(_ flat: Int, in shape: [Int]) -> [Int] {
    var rest = flat
    var indices: [Int] = []
    for size in shape.reversed() {
        indices.append(rest % max(size, 1))
        rest /= max(size, 1)
    }
    return indices.reversed()
}

func fail(_ text: String, _ message: String, _ file: StaticString, _ line: UInt) {
    XCTFail(message.isEmpty ? text : "\(message): \(text)", file: file, line: line)
}
