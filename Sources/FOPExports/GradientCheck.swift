import FOPCore
import TorchCore

/// Compares the first gradients of a layer's parameters with what its records explain. A weight that is also used outside
/// of its layer, or whose gradient somebody changes, has other ones: half of them cannot be told from the records.
struct GradientCheck {
    private let block: any FisherBlock
    private var explained: Tensor?
    private var isDone = false
    /// Far above the rounding of half precision, far below a second use of the weight.
    private let tolerance = 0.05

    init(_ block: any FisherBlock) { self.block = block }

    mutating func add(_ record: LayerRecord) {
        guard !isDone else { return }
        let gradient = block.gradient(record.inOneType())
        explained = explained.map { $0 + gradient } ?? gradient
    }

    /// Lets go of records that no gradients will follow.
    mutating func discard() { explained = nil }

    /// Looks at the first gradients that are finite; waits for the device then.
    mutating func agrees(with gradients: [Tensor]) -> Bool {
        guard !isDone, let explained else { return true }
        self.explained = nil
        let total = block.pack(gradients).to(explained.dtype)
        let (distance, length) = ((total - explained).norm(), explained.norm())
        let pair = Tensor.stacked([distance, length]).scalars(as: Double.self)
        guard pair.allSatisfy(\.isFinite) else { return true }
        isDone = true
        return pair[0] <= tolerance * pair[1]
    }
}
