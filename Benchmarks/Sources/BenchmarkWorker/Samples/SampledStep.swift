import FOPCore
import Torch

/// The first step of a run whose factors are formed from a sample of the batch, with the settings that are the default.
final class SampledStep {
    private let preconditioner: FisherPreconditioner
    /// What decides on the trust region: `fop train`'s.
    private static let learningRate = 0.1

    init(_ layers: [MeasuredLayer], _ sample: FactorSample) throws {
        var configuration = CurvatureConfiguration()
        configuration.factorExamples = sample.setting
        // The first batch alone decides on the factors.
        configuration.factorInterval = .every(.max)
        configuration.inverseInterval = .every(.max)
        let blocks = try layers.map { sample.applied(to: try $0.makeBlock(configuration)) }
        preconditioner = FisherPreconditioner(blocks: blocks, configuration: configuration)
    }

    /// The step on a batch. The first one forms the factors; later ones, on other batches, use them as they are.
    /// - Parameters:
    ///   - records: of each layer, from the mean loss of the batch.
    ///   - gradients: the mean gradient of each layer, as V.
    func take(_ records: [LayerRecord], gradients: [Tensor]) throws -> StepParts {
        preconditioner.beginMicroBatch()
        for (index, record) in records.enumerated() { preconditioner.record(record, block: index) }
        let (directions, isFinite) = preconditioner.directions(learningRate: Self.learningRate)
        guard isFinite.item(as: Bool.self) else {
            throw TorchError.invalidValue("the step is not finite: nothing can be compared")
        }
        let blocks = preconditioner.blocks
        return StepParts(
            inputs: blocks.map { $0.state["input_factor"] }, outputs: blocks.map { $0.state["output_factor"] },
            preconditioned: zip(blocks, gradients).map { $0.precondition($1) },
            step: zip(blocks, directions).map { $0.pack($1!) })
    }
}

/// What a step is made of, by layer.
struct StepParts {
    /// The factors A and G; nil for layers that have no such.
    let inputs, outputs: [Tensor?]
    /// M^-1 g_avg.
    let preconditioned: [Tensor]
    /// FOP's direction, the trust region included.
    let step: [Tensor]

    /// What the differences to another step are.
    func compared(with other: StepParts, layers: [MeasuredLayer], sample: String) -> SampleReport {
        SampleReport(
            sample: sample,
            layers: layers.enumerated().map { index, layer in
                .init(
                    name: layer.name, kind: layer.kind, input: relativeError(inputs[index], other.inputs[index]),
                    output: relativeError(outputs[index], other.outputs[index]),
                    preconditioned: Difference([preconditioned[index]], [other.preconditioned[index]]),
                    step: Difference([step[index]], [other.step[index]]))
            },
            preconditioned: Difference(preconditioned, other.preconditioned), step: Difference(step, other.step))
    }
}

/// How far vectors are from what they should be: `|x - y| / |y|` and the cosine of the angle between them.
struct Difference: Encodable {
    let error, cosine: Double

    init(_ found: [Tensor], _ expected: [Tensor]) {
        func inner(_ one: [Tensor], _ other: [Tensor]) -> Double {
            zip(one, other).map { $0.to(.float64).inner($1.to(.float64)).item(as: Double.self) }.reduce(0, +)
        }
        let square = inner(expected, expected)
        let differences = zip(found, expected).map { $0.to(.float64) - $1.to(.float64) }
        error = (inner(differences, differences) / square).squareRoot()
        cosine = inner(found, expected) / (inner(found, found) * square).squareRoot()
    }
}

private func relativeError(_ found: Tensor?, _ expected: Tensor?) -> Double? {
    guard let found, let expected else { return nil }
    return Difference([found], [expected]).error
}
