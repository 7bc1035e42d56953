import TorchCore

/// Checks what a layer was made with, or called with, beyond what its operator checks: a mistake ends as a failing
/// operator does, with the user's line.
/// - Returns: whether the argument is valid; false only inside ``TorchError/catching(_:)``.
@discardableResult
func checkArgument(
    _ valid: Bool, of layer: String, _ message: @autoclosure () -> String, file: StaticString = #fileID,
    line: UInt = #line
) -> Bool {
    if !valid { operatorFailure(layer, message(), file, line) }
    return valid
}
