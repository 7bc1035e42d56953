import FOPCore
import Torch

extension Optimizer {
    public func backward(_ loss: Tensor, slice: BatchSlice) throws { try backward(loss) }

    /// Back-propagates the loss of a batch whose examples go through the model in slices: the activations of one slice
    /// are in memory at a time, so that the batch can be as large as its inputs allow.
    ///
    /// ```swift
    /// try optimizer.backward(batchSize: images.size(0), sliceSize: 512) { slice in
    ///     crossEntropy(model(images.examples(slice)), labels.examples(slice))
    /// }
    /// try optimizer.step()
    /// ```
    ///
    /// The step is that of the whole batch, within rounding: FOP's sub-batches are parts of the batch, whatever the
    /// slices are, and its factors take their share of examples from every slice. Two things see the slice instead of
    /// the batch: batch normalisation, whose statistics are the slice's, as with several devices they are each
    /// device's; and dropout, which draws anew for each.
    /// - Parameters:
    ///   - batchSize: how many examples the batch has.
    ///   - sliceSize: how many go through the model at once, 1 or more.
    ///   - reduction: what `loss` does with its examples.
    ///   - loss: the loss of a range of the batch's examples.
    /// - Returns: the loss of the batch.
    /// - Throws: ``TorchError/invalidValue(_:)`` for sizes below 1, and what `loss` and ``backward(_:)`` throw.
    @discardableResult public func backward(
        batchSize: Int, sliceSize: Int, reduction: LossReduction = .mean, loss: (Range<Int>) throws -> Tensor
    ) throws -> Tensor {
        for (name, size) in [("batchSize", batchSize), ("sliceSize", sliceSize)] where size < 1 {
            throw TorchError.invalidValue("\(name) is \(size): use a whole number of 1 or more")
        }
        var total: Tensor?
        for slice in BatchSlice.slices(of: batchSize, size: sliceSize) {
            let own = try loss(slice.range)
            let share = Double(slice.range.count) / Double(batchSize)
            let part = reduction == .mean && share != 1 ? own * share : own
            try backward(part, slice: slice)
            total = total.map { $0 + part.detached() } ?? part.detached()
        }
        return total!
    }
}

extension Tensor {
    /// A view of consecutive entries of the first dimension.
    public func examples(_ range: Range<Int>) -> Tensor { narrowed(0, from: range.lowerBound, length: range.count) }
}
