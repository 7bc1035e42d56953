import TorchCore

/// The Fisher block of one layer: its gradients as one matrix (or batch of matrices) V, the product with F and with
/// M^-1.
public protocol FisherBlock: AnyObject {
    /// The shape of V, which holds all of the layer's parameters.
    var shape: [Int] { get }

    /// V for the layer's parameters in their own shapes, in the order of ``unpack(_:)``.
    func pack(_ parameters: [Tensor]) -> Tensor

    /// The parameters' own shapes back from V.
    func unpack(_ matrix: Tensor) -> [Tensor]

    /// Whether there is an inverse: a block that nothing has passed through yet has none.
    var isReady: Bool { get }

    /// The sum over the record's examples of the weight gradient, g a^T, as V.
    func gradient(_ record: LayerRecord) -> Tensor

    /// How many rows for its statistics one example of the record gives, and the dimension they have to fill.
    func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int)

    /// Takes the record's statistics in, on top of those gathered since the last ``takeStatistics(gradientScale:)``.
    func accumulate(_ record: LayerRecord, as use: RecordUse)

    /// The statistics gathered, as they are to be averaged over processes: sums that were divided by their own number
    /// of examples.
    /// - Parameter gradientScale: what makes a back-propagated derivative one of an example's own loss.
    func takeStatistics(gradientScale: Double) -> [Tensor]

    /// The shapes of what ``takeStatistics(gradientScale:)`` returns.
    var statisticsShapes: [[Int]] { get }

    /// Moves the averages towards new statistics, unless they are not finite.
    func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor)

    /// Damps and inverts the averages.
    func updateInverse(damping: Double) -> [InverseOutcome]

    /// Lets go of large inverses that can be had again bit for bit, before statistics are gathered for the next ones:
    /// so that a backward pass never has old inverses and new statistics in memory. Whoever asks for them before the
    /// next ``updateInverse(damping:)`` gets them computed anew. By default nothing happens.
    func releaseInverse()

    /// Has inverses that were let go of again, from the averages as they are. By default nothing happens.
    func restoreInverse()

    /// Whether the three products take several V at once, as a new first dimension, which saves operators: false unless
    /// the block says otherwise.
    var takesStacks: Bool { get }

    /// F V.
    func fisherProduct(_ matrix: Tensor) -> Tensor

    /// M V, with the damping of the last inverse.
    func dampedProduct(_ matrix: Tensor) -> Tensor

    /// M^-1 V.
    func precondition(_ matrix: Tensor) -> Tensor

    /// The sizes of what the curvature is kept in, for the coverage table: `[[576, 576], [64, 64]]`.
    var factorShapes: [[Int]] { get }

    /// About what an inverse costs, in multiplications: what counts is how blocks compare. By default the cubes of the
    /// sizes of the matrices among ``factorShapes``.
    var inversionCost: Double { get }

    /// Averages and inverses by name, for a saved state: all that ``stateShapes`` names, or before the first inverse
    /// none.
    var state: [String: Tensor] { get }

    /// Goes on from a saved state of the right shapes.
    func load(_ state: [String: Tensor])

    /// The shapes that ``load(_:)`` wants, by name.
    var stateShapes: [String: [Int]] { get }
}

extension FisherBlock {
    public var takesStacks: Bool { false }
    public func releaseInverse() {}
    public func restoreInverse() {}
}

/// How the examples of a record relate to those that a block has seen.
public enum RecordUse: Equatable, Sendable {
    /// They are new ones.
    case newExamples
    /// Those of the passes before, seen with another derivative whose statistics add to theirs: the exact Fisher's
    /// classes.
    case sameExamples
    /// The layer is called again in the same pass: more positions of the same examples.
    case anotherCall

    /// How many examples of the record count as new.
    func newExamples(_ record: LayerRecord) -> Int { self == .newExamples ? record.examples : 0 }
}
