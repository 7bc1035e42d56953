/// Where what passes through layers goes to, whoever observes them: taps on Torch layers, or hooks in a PyTorch loop.
public protocol LayerRecordSink: AnyObject {
    /// Call before each backward pass.
    func beginMicroBatch()

    /// Takes in what a backward pass brought to the layer of a block. Call it during the pass, as soon as the gradient
    /// is known: nothing of the record is kept.
    func record(_ record: LayerRecord, block index: Int)
}
