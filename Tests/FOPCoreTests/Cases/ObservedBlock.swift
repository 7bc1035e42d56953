import FOPCore
import Torch

/// A block that notes what is asked of it.
final class ObservedBlock: FisherBlock {
    private let own: any FisherBlock
    /// Records whose statistics were formed, averages moved and inverses made since the last ``take()``.
    private var calls = Calls()

    struct Calls: Equatable {
        var statistics = 0, averages = 0, inverses = 0
        static let once = Calls(statistics: 1, averages: 1, inverses: 1)
    }

    init(_ block: any FisherBlock) { own = block }

    func take() -> Calls {
        defer { calls = Calls() }
        return calls
    }

    func accumulate(_ record: LayerRecord, as use: RecordUse) {
        calls.statistics += 1
        own.accumulate(record, as: use)
    }

    func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor) {
        calls.averages += 1
        own.updateAverages(statistics, decay: decay, isFinite: isFinite)
    }

    func updateInverse(damping: Double) -> [InverseOutcome] {
        calls.inverses += 1
        return own.updateInverse(damping: damping)
    }

    var shape: [Int] { own.shape }
    var isReady: Bool { own.isReady }
    func pack(_ parameters: [Tensor]) -> Tensor { own.pack(parameters) }
    func unpack(_ matrix: Tensor) -> [Tensor] { own.unpack(matrix) }
    func gradient(_ record: LayerRecord) -> Tensor { own.gradient(record) }
    func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) { own.factorSize(record) }
    func takeStatistics(gradientScale: Double) -> [Tensor] { own.takeStatistics(gradientScale: gradientScale) }
    var statisticsShapes: [[Int]] { own.statisticsShapes }
    func fisherProduct(_ matrix: Tensor) -> Tensor { own.fisherProduct(matrix) }
    func dampedProduct(_ matrix: Tensor) -> Tensor { own.dampedProduct(matrix) }
    func precondition(_ matrix: Tensor) -> Tensor { own.precondition(matrix) }
    var factorShapes: [[Int]] { own.factorShapes }
    var takesStacks: Bool { own.takesStacks }
    var inversionCost: Double { own.inversionCost }
    var state: [String: Tensor] { own.state }
    func load(_ state: [String: Tensor]) { own.load(state) }
    var stateShapes: [String: [Int]] { own.stateShapes }
}
