import TorchCore

private enum Op {
    static let fusedSGD = Operator("aten::_fused_sgd_")
    static let fusedAdamW = Operator("aten::_fused_adamw_")
    static let foreachMul = Operator("aten::_foreach_mul_", "Tensor")
    static let foreachCopy = Operator("aten::_foreach_copy_")
}

/// One stochastic-gradient step on many tensors at once, in place, with torch.optim.SGD's semantics:
/// b <- momentum b + (1 - dampening) g (b = g at first), then W <- W - lr b, or W - lr (g + momentum b) with Nesterov.
/// - Parameters:
///   - buffers: one per parameter; empty without momentum.
///   - foundInfinity: float32 without dimensions; where it is 1, nothing changes.
public func applySGD(
    _ parameters: [Tensor], gradients: [Tensor], buffers: [Tensor], learningRate: Double, momentum: Double = 0,
    dampening: Double = 0, weightDecay: Double = 0, nesterov: Bool = false, isFirstStep: Bool = false,
    foundInfinity: Tensor? = nil
) {
    guard !parameters.isEmpty else { return }
    // torch 2.10's operator leaves half-precision parameters on the CPU as they are, from 16 elements on.
    if parameters.contains(where: isHalfOnCPU) {
        let own = parameters + buffers
        let wide = own.map { isHalfOnCPU($0) ? $0.to(.float32) : $0 }
        applySGD(
            Array(wide.prefix(parameters.count)), gradients: gradients,
            buffers: Array(wide.dropFirst(parameters.count)), learningRate: learningRate, momentum: momentum,
            dampening: dampening, weightDecay: weightDecay, nesterov: nesterov, isFirstStep: isFirstStep,
            foundInfinity: foundInfinity)
        for (narrow, result) in zip(own, wide) where isHalfOnCPU(narrow) { narrow.copy(from: result) }
        return
    }
    let gradients = matchingLayout(gradients, parameters)
    callVoid(Op.fusedSGD, file: #fileID, line: #line) {
        $0.push(parameters)
        $0.push(gradients)
        $0.push(buffers)
        $0.push(weightDecay)
        $0.push(momentum)
        $0.push(learningRate)
        $0.push(dampening)
        $0.push(nesterov)
        $0.push(false)
        $0.push(isFirstStep)
        $0.pushNone()
        $0.push(foundInfinity)
    }
}

/// One AdamW step on many tensors at once, in place, with torch.optim.AdamW's semantics.
/// - Parameter steps: one float32 count per parameter, which the step raises by one.
public func applyAdamW(
    _ parameters: [Tensor], gradients: [Tensor], averages: [Tensor], squares: [Tensor], steps: [Tensor],
    learningRate: Double, betas: (Double, Double), epsilon: Double, weightDecay: Double,
    foundInfinity: Tensor? = nil
) {
    guard !parameters.isEmpty else { return }
    let gradients = matchingLayout(gradients, parameters)
    for step in steps { step.copy(from: foundInfinity.map { step + (1 - $0) } ?? step + 1) }
    callVoid(Op.fusedAdamW, file: #fileID, line: #line) {
        $0.push(parameters)
        $0.push(gradients)
        $0.push(averages)
        $0.push(squares)
        $0.push([Tensor]())
        $0.push(steps)
        $0.push(learningRate)
        $0.push(betas.0)
        $0.push(betas.1)
        $0.push(weightDecay)
        $0.push(epsilon)
        $0.push(false)
        $0.push(false)
        $0.pushNone()
        $0.push(foundInfinity)
    }
}

/// W <- (1 - lr * decay) W, in place, unless `foundInfinity` is 1.
public func applyDecoupledWeightDecay(
    _ parameters: [Tensor], learningRate: Double, decay: Double, foundInfinity: Tensor
) {
    guard decay != 0, !parameters.isEmpty else { return }
    // In float32 the factor is 1 less something that is cut off: float64 parameters would decay by another amount.
    let isWide = parameters.contains { $0.dtype == .float64 }
    let factor = 1 - (1 - (isWide ? foundInfinity.to(.float64) : foundInfinity)) * (learningRate * decay)
    callVoid(Op.foreachMul, file: #fileID, line: #line) {
        $0.push(parameters)
        $0.push(factor)
    }
}

private func isHalfOnCPU(_ tensor: Tensor) -> Bool {
    tensor.device.kind == .cpu && (tensor.dtype == .bfloat16 || tensor.dtype == .float16)
}

/// The fused operators walk through memory: gradients must lie as their parameters do.
private func matchingLayout(_ gradients: [Tensor], _ parameters: [Tensor]) -> [Tensor] {
    var matching = gradients
    let others = gradients.indices.filter {
        gradients[$0].strides != parameters[$0].strides || gradients[$0].dtype != parameters[$0].dtype
    }
    guard !others.isEmpty else { return matching }
    for index in others { matching[index] = parameters[index].emptyLike() }
    callVoid(Op.foreachCopy, file: #fileID, line: #line) {
        $0.push(others.map { matching[$0] })
        $0.push(others.map { gradients[$0] })
        $0.push(false)
    }
    return matching
}
