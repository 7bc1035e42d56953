import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch
import XCTest

/// The product's mathematics and the reference for the same layers, side by side.
struct PreconditionerPair {
    let layers: [LayerCase]
    let preconditioner: FisherPreconditioner
    let reference: ReferenceOptimizer

    /// - Parameter change: what is set for the product alone.
    init(
        _ layers: [LayerCase], _ settings: Settings = Settings(),
        change: (inout CurvatureConfiguration) -> Void = { _ in }
    ) {
        self.layers = layers
        var curvature = settings.curvature
        change(&curvature)
        preconditioner = FisherPreconditioner(
            blocks: layers.map { $0.block(curvature.weightSharing) }, configuration: curvature)
        reference = ReferenceOptimizer(
            layers.map { $0.reference(settings.sharing) }, sizes: layers.map(\.parameterCount),
            options: settings.reference)
    }

    /// Takes steps on random batches and compares after each.
    /// - Parameter steps: the sizes of each step's micro-batches.
    func check(
        _ steps: [[Int]], dtype: DType, _ title: String = "", file: StaticString = #filePath, line: UInt = #line
    ) {
        for (number, sizes) in steps.enumerated() {
            let examples = record(sizes, seed: UInt64(100 * number), dtype: dtype)
            compare(examples, "\(title), \(dtype), step \(number)", file: file, line: line)
        }
    }

    /// Hands random micro-batches to the product; returns the same by micro-batch and layer for the reference.
    @discardableResult func record(_ sizes: [Int], seed: UInt64, dtype: DType) -> [[[LayerExample]]] {
        let total = sizes.reduce(0, +)
        return sizes.enumerated().map { micro, count in
            preconditioner.beginMicroBatch()
            return layers.enumerated().map { index, layer in
                var (record, examples) = layer.draw(
                    count, seed: seed + UInt64(10 * micro + index), dtype: dtype, total: total)
                if preconditioner.configuration.lossReduction == .sum {
                    record.outputGradient = record.outputGradient * Double(total)
                }
                preconditioner.record(record, block: index)
                return examples
            }
        }
    }

    /// One step of both on what was recorded: directions, scalars and factors.
    func compare(
        _ examples: [[[LayerExample]]], learningRate: Double = 0.3, _ title: String, file: StaticString = #filePath,
        line: UInt = #line
    ) {
        let (directions, isFinite) = preconditioner.directions(learningRate: learningRate)
        XCTAssertTrue(isFinite.item(as: Bool.self), title, file: file, line: line)
        let expected = reference.directions(examples, learningRate: learningRate)
        for (index, block) in preconditioner.blocks.enumerated() {
            guard let direction = directions[index] else { return XCTFail("no direction", file: file, line: line) }
            let title = "\(title), layer \(index)"
            assertReference(block.pack(direction), expected[index], "\(title): d", file: file, line: line)
            compareScalars(preconditioner.lastScalars[index]!, reference.lastSteps[index], title, file, line)
            compareFactors(block, reference.blocks[index], reference.layers[index].factors, title, file, line)
        }
    }
}

/// Against the reference's numbers; in float32, where s, D and beta can be small differences of large terms, on the
/// scale that Cauchy and Schwarz give them.
private func compareScalars(
    _ actual: ProjectionScalars, _ expected: ReferenceStep, _ title: String, _ file: StaticString, _ line: UInt
) {
    let ratio = expected.B > 0 && expected.E > 0 ? (expected.E / expected.B).squareRoot() : 1
    for (name, number, reference, scale) in [
        ("s", actual.s, expected.s, ratio), ("beta", actual.beta, expected.beta, 1 / ratio),
        ("eta", actual.eta, expected.eta, 0), ("B", actual.B, expected.B, 0),
        ("D", actual.D, expected.D, expected.B * ratio), ("E", actual.E, expected.E, 0),
    ] {
        let bound = promisedBound(number.dtype)
        let allowed = bound * (number.dtype == .float64 ? abs(reference) : max(abs(reference), scale))
        XCTAssertEqual(
            number.item(as: Double.self), reference, accuracy: allowed, "\(title): \(name)", file: file, line: line)
    }
}

private func compareFactors(
    _ block: any FisherBlock, _ kind: ReferenceBlock, _ factors: [Matrix], _ title: String, _ file: StaticString, _ line: UInt
) {
    if let block = block as? KroneckerBlock, let A = block.inputFactor, let G = block.outputFactor {
        for (tensor, first, name) in [(A, 0, "A"), (G, 1, "G")] {
            let own = stride(from: first, to: factors.count, by: 2).flatMap { factors[$0].values }
            assertReference(tensor, own, "\(title): \(name)", file: file, line: line)
        }
    } else if let F = (block as? UnitWiseBlock)?.fisher {
        assertReference(F, factors.flatMap(\.values), "\(title): F", file: file, line: line)
    } else {
        let V = randomTensor(block.shape, seed: 5, dtype: block.state.values.first?.dtype ?? .float64)
        let image = kind.fisher(factors) * V.scalars(as: Double.self)
        assertReference(block.fisherProduct(V), image, "\(title): F V", file: file, line: line)
    }
}
