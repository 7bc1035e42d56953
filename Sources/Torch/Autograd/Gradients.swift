import CTorchShim
import TorchCore

/// The derivatives of `outputs`, summed, with respect to `inputs`: torch's `autograd.grad`.
///
/// Only what leads to `inputs` is computed. The graph is freed unless `retainingGraph` or `creatingGraph`.
/// - Parameters:
///   - outputs: tensors of one element, or of any shape with `weights` given.
///   - weights: what each output is weighted with (its own shape); ones by default.
///   - creatingGraph: whether the derivatives can be differentiated again.
///   - allowingUnused: whether an input without a part in the outputs yields nil instead of an error.
/// - Returns: one derivative per input, of its shape; nil for unused ones.
public func gradients(
    of outputs: [Tensor], weightedBy weights: [Tensor]? = nil, withRespectTo inputs: [Tensor],
    retainingGraph: Bool = false, creatingGraph: Bool = false, allowingUnused: Bool = true,
    file: StaticString = #fileID, line: UInt = #line
) -> [Tensor?] {
    precondition(weights == nil || weights!.count == outputs.count, "one weight per output", file: file, line: line)
    var results = [OpaquePointer?](repeating: nil, count: inputs.count)
    let status = fop_grad(
        outputs.map { $0.handle }, weights?.map { $0.handle }, outputs.count, inputs.map { $0.handle }, inputs.count,
        retainingGraph || creatingGraph, creatingGraph, allowingUnused, &results)
    withExtendedLifetime((outputs, weights, inputs)) {}
    guard status == 0 else {
        operatorFailure("gradients", String(cString: fop_last_error()), file, line)
        return results.map { _ in .undefined }
    }
    return results.map { $0.map(Tensor.init(owning:)) }
}

extension Tensor {
    /// Whether gradients flow to or through this tensor.
    public var requiresGradient: Bool { fop_requires_grad(handle) }

    /// The same memory as a leaf of new graphs.
    public func requiringGradient(_ required: Bool = true) -> Tensor {
        let leaf = detached()
        leaf.setRequiresGradient(required)
        return leaf
    }

    /// How many handles and graphs refer to the tensor: for tests of leaks, as ``liveCount`` is.
    public var referenceCount: Int { Int(fop_use_count(handle)) }
}
