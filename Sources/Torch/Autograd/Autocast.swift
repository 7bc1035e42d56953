import CTorchShim
import TorchCore

/// Runs `body` with operators choosing their own precision, as torch's `autocast`: products in `dtype`, sums and losses
/// in float32. Weights stay as they are.
/// - Parameters:
///   - dtype: ``DType/bfloat16`` or ``DType/float16``.
///   - device: the kind of device it holds for.
public func withAutocast<Result>(
    _ dtype: DType = .bfloat16, device: Device.Kind = .cpu, file: StaticString = #fileID, line: UInt = #line,
    _ body: () throws -> Result
) rethrows -> Result {
    try inAutocastScope(device, dtype: dtype.rawValue, file, line, body)
}

/// Runs `body` with every operator in the precision of its arguments, also within ``withAutocast(_:device:file:line:_:)``.
public func withoutAutocast<Result>(
    device: Device.Kind = .cpu, file: StaticString = #fileID, line: UInt = #line, _ body: () throws -> Result
) rethrows -> Result {
    try inAutocastScope(device, dtype: -1, file, line, body)
}

/// Whether operators on a kind of device choose their own precision.
func isAutocastEnabled(_ device: Device.Kind) -> Bool { fop_autocast_is_enabled(device.rawValue) }

private func inAutocastScope<Result>(
    _ device: Device.Kind, dtype: Int32, _ file: StaticString, _ line: UInt, _ body: () throws -> Result
) rethrows -> Result {
    var previous = fop_autocast()
    guard fop_autocast_enter(device.rawValue, dtype, &previous) == 0 else {
        operatorFailure("autocast", String(cString: fop_last_error()), file, line)
        return try body()
    }
    defer { fop_autocast_leave(previous) }
    return try body()
}
