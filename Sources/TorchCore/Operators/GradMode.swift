import CTorch

/// Whether operators of the calling thread record what a gradient needs.
public enum GradMode {
    /// The current setting.
    public static var isEnabled: Bool { aoti_torch_grad_mode_is_enabled() }
}

/// Runs `body` without recording anything for gradients.
public func withoutGradients<Result>(_ body: () throws -> Result) rethrows -> Result {
    try withGradients(enabled: false, body)
}

/// Runs `body` with recording for gradients on or off.
public func withGradients<Result>(enabled: Bool, _ body: () throws -> Result) rethrows -> Result {
    let before = aoti_torch_grad_mode_is_enabled()
    aoti_torch_grad_mode_set_enabled(enabled)
    defer { aoti_torch_grad_mode_set_enabled(before) }
    return try body()
}
