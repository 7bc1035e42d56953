import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch
import XCTest

/// An embedding is a linear layer whose inputs have a single 1.
final class EmbeddingBlockTests: SmallTensorTestCase {
    private let (count, width) = (6, 3)

    private func draw(_ shape: [Int], seed: UInt64, dtype: DType) -> (record: LayerRecord, examples: [LayerExample]) {
        let indices = randomIntegers(shape, in: 0..<count, seed: seed)
        let gradient = randomTensor(shape + [width], seed: seed, dtype: dtype) * (1 / Double(shape[0]))
        let record = LayerRecord(input: indices, outputGradient: gradient)
        return (record, examples(indices, gradient * Double(shape[0])))
    }

    /// - Parameter own: the derivatives of each example's own loss.
    private func examples(_ indices: Tensor, _ own: Tensor, padding: Int? = nil) -> [LayerExample] {
        let positions = indices.count / indices.size(0)
        let numbers = indices.scalars(as: Int.self)
        let rows = own.scalars(as: Double.self)
        return (0..<indices.size(0)).map { example in
            let own = (example * positions..<(example + 1) * positions).filter { numbers[$0] != padding }
            let nothing = LayerExample.Position(
                input: [Double](repeating: 0, count: count), output: [Double](repeating: 0, count: width))
            return LayerExample(groups: [
                own.isEmpty ? [nothing] : own.map { place in
                    var input = [Double](repeating: 0, count: count)
                    input[numbers[place]] = 1
                    return .init(input: input, output: Array(rows[place * width..<(place + 1) * width]))
                }
            ])
        }
    }

    /// The table keeps vectors as rows, the reference inputs as columns.
    private func transposed(_ vector: [Double]) -> [Double] {
        (0..<count).flatMap { token in (0..<width).map { vector[$0 * count + token] } }
    }

    /// - Parameters:
    ///   - calls: of one pass.
    ///   - examples: what all calls together are to each example.
    private func check(
        _ block: any FisherBlock, _ calls: [LayerRecord], _ examples: [LayerExample], scale: Double, _ title: String
    ) {
        let reference = ReferenceBlock.kronecker(.expand)
        let gradients = calls.map(block.gradient)
        let gradient = gradients.dropFirst().reduce(gradients[0]) { $0 + $1 } * scale
        assertReference(gradient, transposed(sum(examples)), "\(title): gradient")
        for (number, record) in calls.enumerated() {
            block.accumulate(record, as: number == 0 ? .newExamples : .anotherCall)
        }
        let statistics = block.takeStatistics(gradientScale: scale)
        // An example of padding alone uses no vector, and counts in 1/N of G.
        let used = examples.filter { $0.groups[0].contains { $0.input.contains { $0 != 0 } } }
        let factors = [reference.statistics(used)[0], reference.statistics(examples)[1]]
        assertReference(statistics[0], (0..<count).map { factors[0][$0, $0] }, "\(title): A")
        assertReference(statistics[1], factors[1].values, "\(title): G")
        block.updateAverages(statistics, decay: 0.9, isFinite: Tensor(true))
        XCTAssertEqual(block.updateInverse(damping: 0.05), [.cholesky])

        let V = randomTensor(block.shape, seed: 8, dtype: calls[0].outputGradient.dtype)
        let vector = V.transposed().contiguous().scalars(as: Double.self)
        let (F, M) = (reference.fisher(factors), reference.damped(factors, 0.05))
        assertReference(block.fisherProduct(V), transposed(F * vector), "\(title): F V")
        assertReference(block.dampedProduct(V), transposed(M * vector), "\(title): M V")
        assertReference(block.precondition(V), transposed(M.solve([vector])[0]), "\(title): M^-1 V")
        assertTakesStacks(block, V, title)
    }

    private func sum(_ examples: [LayerExample]) -> [Double] {
        examples.dropFirst().reduce(examples[0].gradient) { combine($0, 1, $1.gradient) }
    }

    func testItEqualsALinearLayerOnUnitVectors() {
        for dtype in [DType.float32, .float64] {
            for shape in [[5], [4, 3], [3, 2, 2], [1, 1]] {
                let (record, examples) = draw(shape, seed: 3, dtype: dtype)
                let block = EmbeddingBlock(count: count, width: width)
                check(block, [record], examples, scale: Double(shape[0]), "\(shape), \(dtype)")
            }
        }
    }

    /// As the registry makes the block, with either setting for shared weights: a position of an embedding is always
    /// an input of its own. Positions with the padding index are as if they were not there; the third example has no others.
    func testBothSettingsAndPadding() throws {
        let indices = Tensor([1, 2, 0, 3, 2, 2, 5, 1], shape: [4, 2])
        for sharing in [WeightSharing.expand, .reduce] {
            for padding in [2, nil] {
                for dtype in [DType.float32, .float64] {
                    var configuration = CurvatureConfiguration()
                    configuration.weightSharing = sharing
                    let block = try LayerStructure.embedding(count: count, width: width, paddingIndex: padding)
                        .block(.kronecker, configuration)
                    let gradient = randomTensor([4, 2, width], seed: 4, dtype: dtype) * 0.25
                    check(
                        block, [LayerRecord(input: indices, outputGradient: gradient)],
                        examples(indices, gradient * 4, padding: padding), scale: 4,
                        "\(sharing), padding \(padding ?? -1), \(dtype)")
                }
            }
        }
    }

    /// Calls in one pass are more positions of the same examples.
    func testSeveralCalls() {
        for dtype in [DType.float32, .float64] {
            for shapes in [[[4], [4]], [[4, 2], [4, 3]], [[3, 2], [3], [3, 2, 2]]] {
                let calls = shapes.enumerated().map { draw($1, seed: UInt64(20 + $0), dtype: dtype) }
                let examples = calls.dropFirst().reduce(calls[0].examples) { all, call in
                    zip(all, call.examples).map { $0.again($1) }
                }
                check(
                    EmbeddingBlock(count: count, width: width), calls.map(\.record), examples,
                    scale: Double(shapes[0][0]), "\(shapes), \(dtype)")
            }
        }
    }

    func testAVectorThatIsNeverUsedStaysAsItIs() {
        let record = LayerRecord(input: Tensor([0, 1, 1]), outputGradient: randomTensor([3, width], seed: 1))
        let block = EmbeddingBlock(count: count, width: width)
        for damping in [0.1, 0] {
            block.accumulate(record, as: .newExamples)
            block.updateAverages(block.takeStatistics(gradientScale: 3), decay: 0.5, isFinite: Tensor(true))
            _ = block.updateInverse(damping: damping)
            let step = block.precondition(block.gradient(record))
            XCTAssertTrue(step.isFinite().all().item(as: Bool.self))
            XCTAssertEqual(step.narrowed(0, from: 2, length: 4).absoluteSum().item(as: Double.self), 0)
            XCTAssertGreaterThan(step.absoluteSum().item(as: Double.self), 0)
        }
    }
}
