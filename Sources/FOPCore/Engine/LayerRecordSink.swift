import TorchCore

/// Where what passes through layers goes to, whoever observes them: taps on Torch layers, or hooks in a PyTorch loop.
public protocol LayerRecordSink: AnyObject {
    /// Call before the backward passes of each micro-batch. The next records are ``PassKind/gradients``.
    /// - Parameter slice: which of the micro-batch's examples come next, where it goes through the model in slices; nil
    ///   for all.
    func beginMicroBatch(_ slice: BatchSlice?)

    /// Call before a backward pass of another kind than the last one.
    func beginPass(_ kind: PassKind)

    /// Whether this micro-batch should also have ``PassKind/curvature(countsExamples:)`` passes.
    var wantsCurvaturePasses: Bool { get }

    /// Takes in what a backward pass brought to the layer of a block. Call it during the pass, as soon as the gradient
    /// is known: nothing of the record is kept.
    func record(_ record: LayerRecord, block index: Int)

    /// Takes in the gradients of a block's parameters, in their own shapes, over all examples of a backward pass, after
    /// the records of which they are the sum. Only for blocks whose totals follow.
    func complete(_ gradients: [Tensor], block index: Int)
}

extension LayerRecordSink {
    /// The same for a micro-batch in one piece.
    public func beginMicroBatch() { beginMicroBatch(nil) }
}

/// What a backward pass is for.
public enum PassKind: Equatable, Sendable {
    /// From the loss: gradients, and with the empirical Fisher the curvature as well.
    case gradients
    /// From labels that the model itself predicts: curvature alone.
    /// - Parameter countsExamples: false for further passes over the same examples whose statistics add up, such as those
    ///   of the exact Fisher's classes.
    case curvature(countsExamples: Bool)
}
