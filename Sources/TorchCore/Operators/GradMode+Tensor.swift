import CTorch

extension Tensor {
    /// Makes this tensor a leaf that gradients are computed for, or not; in place, as torch's `requires_grad_`.
    public func setRequiresGradient(
        _ required: Bool, file: StaticString = #fileID, line: UInt = #line
    ) {
        guard torch_set_requires_grad(handle, required) == 0 else {
            return operatorFailure("requires_grad_", lastErrorText(.current), file, line)
        }
    }
}
