import DenseReference
import TestSupport
import Torch
import XCTest

/// What the tests of the optimizer's mathematics promise: the relative difference from the dense float64 computation.
public func promisedBound(_ dtype: DType) -> Double { dtype == .float64 ? 1e-10 : 1e-4 }

/// Fails unless the tensor differs from the reference's numbers, row-major, by less than ``promisedBound(_:)`` for its
/// type.
public func assertReference(
    _ actual: Tensor, _ expected: [Double], below bound: Double? = nil, _ message: @autoclosure () -> String = "",
    file: StaticString = #filePath, line: UInt = #line
) {
    guard actual.isDefined, actual.count == expected.count else {
        return XCTFail("\(message()): shape \(actual.shape) for \(expected.count) numbers", file: file, line: line)
    }
    assertRelativeDifference(
        actual, Tensor(expected, shape: actual.shape), below: bound ?? promisedBound(actual.dtype), message(),
        file: file, line: line)
}

/// The same for a tensor that should hold one number.
public func assertReference(
    _ actual: Tensor, _ expected: Double, below bound: Double? = nil, _ message: @autoclosure () -> String = "",
    file: StaticString = #filePath, line: UInt = #line
) {
    assertReference(actual, [expected], below: bound, message(), file: file, line: line)
}

extension DenseArray {
    /// The numbers of a tensor.
    public init(_ tensor: Tensor) { self.init(tensor.shape, tensor.scalars(as: Double.self)) }
}
