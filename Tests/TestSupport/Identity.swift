import Torch
import XCTest

/// Fails unless the two tensors have the same shape, type and bits.
public func assertIdentical(
    _ actual: Tensor, _ expected: Tensor, _ message: @autoclosure () -> String = "",
    file: StaticString = #filePath, line: UInt = #line
) {
    if let text = bitDifference(actual, expected) { fail(text, message(), file, line) }
}

/// The same for two lists of tensors.
public func assertIdentical(
    _ actual: [Tensor], _ expected: [Tensor], _ message: @autoclosure () -> String = "",
    file: StaticString = #filePath, line: UInt = #line
) {
    guard actual.count == expected.count else {
        return fail("\(actual.count) tensors, \(expected.count) expected", message(), file, line)
    }
    for (index, (one, other)) in zip(actual, expected).enumerated() {
        if let text = bitDifference(one, other) { fail("tensor \(index): \(text)", message(), file, line) }
    }
}

/// The same for named tensors: also the names must agree.
public func assertIdentical(
    _ actual: [String: Tensor], _ expected: [String: Tensor], _ message: @autoclosure () -> String = "",
    file: StaticString = #filePath, line: UInt = #line
) {
    let missing = expected.keys.filter { actual[$0] == nil }.sorted()
    let extra = actual.keys.filter { expected[$0] == nil }.sorted()
    guard missing.isEmpty, extra.isEmpty else {
        return fail("names missing: \(missing), not expected: \(extra)", message(), file, line)
    }
    for (name, tensor) in actual.sorted(by: { $0.key < $1.key }) {
        if let text = bitDifference(tensor, expected[name]!) { fail("'\(name)': \(text)", message(), file, line) }
    }
}

/// What is wrong, or nil.
func bitDifference(_ actual: Tensor, _ expected: Tensor) -> String? {
    guard actual.isDefined, expected.isDefined else {
        return actual.isDefined == expected.isDefined ? nil : "one of the tensors is undefined"
    }
    guard actual.shape == expected.shape else { return "shape \(actual.shape), \(expected.shape) expected" }
    guard actual.dtype == expected.dtype else { return "type \(actual.dtype), \(expected.dtype) expected" }
    let (one, other) = (bytes(of: actual), bytes(of: expected))
    guard one.count == other.count else { return "\(one.count) bytes, \(other.count) expected" }
    let width = actual.dtype.byteCount
    let wrong = (0..<actual.count).filter { one[$0 * width..<($0 + 1) * width] != other[$0 * width..<($0 + 1) * width] }
    guard let first = wrong.first else { return nil }
    let (number, reference) = (
        actual.reshaped([-1]).selected(0, first).scalars(as: Double.self)[0],
        expected.reshaped([-1]).selected(0, first).scalars(as: Double.self)[0]
    )
    return """
        \(wrong.count) of \(actual.count) elements differ in their bits; first at \
        \(position(first, in: actual.shape)): \(number), expected \(reference)
        """
}

/// The elements' bytes in row-major order.
public func bytes(of tensor: Tensor) -> [UInt8] {
    tensor.detached().to(.cpu).contiguous().withUnsafeBytes { Array($0) }
}
