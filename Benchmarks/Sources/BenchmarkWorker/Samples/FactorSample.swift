import FOPCore
import Torch

/// Which examples of a batch factors are formed from: `all`, a number, or `rows:16` for the automatic rule with so many
/// rows per dimension.
enum FactorSample {
    case all
    case examples(Int)
    case rows(Int)

    /// - Parameter text: as above; nil for anything else.
    init?(_ text: String) {
        let words = text.split(separator: ":", omittingEmptySubsequences: false)
        switch (words.first, Int(words.last ?? "")) {
        case ("all", _) where words.count == 1: self = .all
        case (_, let count?) where words.count == 1 && count >= 1: self = .examples(count)
        case ("rows", let count?) where words.count == 2 && count >= 1: self = .rows(count)
        default: return nil
        }
    }

    var name: String {
        switch self {
        case .all: "all"
        case .examples(let count): "\(count)"
        case .rows(let count): "rows:\(count)"
        }
    }

    var setting: FactorExamples {
        switch self {
        case .all: .all
        case .examples(let count): .atMost(count)
        case .rows: .automatic
        }
    }

    /// The block, asking for as many rows as the sample has.
    func applied(to block: any FisherBlock) -> any FisherBlock {
        guard case .rows(let count) = self, count != FactorExamples.rowsPerDimension else { return block }
        return ResampledBlock(block, rowsPerDimension: count)
    }
}

/// A block with another number of rows per dimension than the automatic rule has: it passes its dimension off as so much
/// larger or smaller.
private final class ResampledBlock: FisherBlock {
    private let block: any FisherBlock
    private let rowsPerDimension: Int

    init(_ block: any FisherBlock, rowsPerDimension: Int) {
        self.block = block
        self.rowsPerDimension = rowsPerDimension
    }

    func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) {
        let (rows, dimension) = block.factorSize(record)
        let usual = FactorExamples.rowsPerDimension
        return (rows, (dimension * rowsPerDimension + usual - 1) / usual)
    }

    var shape: [Int] { block.shape }
    func pack(_ parameters: [Tensor]) -> Tensor { block.pack(parameters) }
    func unpack(_ matrix: Tensor) -> [Tensor] { block.unpack(matrix) }
    var isReady: Bool { block.isReady }
    func gradient(_ record: LayerRecord) -> Tensor { block.gradient(record) }
    func accumulate(_ record: LayerRecord, as use: RecordUse) { block.accumulate(record, as: use) }
    func takeStatistics(gradientScale: Double) -> [Tensor] { block.takeStatistics(gradientScale: gradientScale) }
    var statisticsShapes: [[Int]] { block.statisticsShapes }
    func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor) {
        block.updateAverages(statistics, decay: decay, isFinite: isFinite)
    }
    func updateInverse(damping: Double) -> [InverseOutcome] { block.updateInverse(damping: damping) }
    func fisherProduct(_ matrix: Tensor) -> Tensor { block.fisherProduct(matrix) }
    func dampedProduct(_ matrix: Tensor) -> Tensor { block.dampedProduct(matrix) }
    func precondition(_ matrix: Tensor) -> Tensor { block.precondition(matrix) }
    var factorShapes: [[Int]] { block.factorShapes }
    var state: [String: Tensor] { block.state }
    func load(_ state: [String: Tensor]) { block.load(state) }
    var stateShapes: [String: [Int]] { block.stateShapes }
}
