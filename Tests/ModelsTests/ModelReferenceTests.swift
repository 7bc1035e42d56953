import Models
import TestSupport
import Torch
import XCTest

/// Our networks against the same ones in PyTorch (Reference/fixtures/models.py): a seed must give the same weights
/// under the same names, and those the same outputs and gradients.
final class ModelReferenceTests: XCTestCase {
    override class func setUp() { TorchRuntime.threadCount = 1 }

    private func check(_ name: String, file: StaticString = #filePath, line: UInt = #line) throws {
        let numbers = try FixtureFile("models.safetensors")
        let seed = try XCTUnwrap(numbers.metadata["generator-seed"].flatMap { UInt64($0) })
        let model = try ModelRegistry.standard.make(
            name, inputShape: [1, 28, 28], classes: 10, generator: Generator(seed: seed))

        let state = try decode([String: [Int]].self, numbers.metadata["\(name)/state"])
        let own =
            model.namedParameters.map { ($0.name, $0.parameter.shape) }
            + model.namedBuffers.map { ($0.name, $0.buffer.value.shape) }
        XCTAssertEqual(
            Dictionary(uniqueKeysWithValues: own), state, "names and shapes", file: file, line: line)

        let images = try numbers.tensor("images").requiringGradient()
        let output = model(images)
        assertClose(
            output, try numbers.tensor("\(name)/output"), rtol: 1e-4, atol: 1e-5, "\(name): output", file: file,
            line: line)

        let order = try decode([String].self, numbers.metadata["\(name)/parameters"])
        let parameters = Dictionary(uniqueKeysWithValues: model.namedParameters.map { ($0.name, $0.parameter.value) })
        let leaves = [images] + order.compactMap { parameters[$0] }
        XCTAssertEqual(leaves.count, parameters.count + 1, file: file, line: line)
        let found = gradients(
            of: [output], weightedBy: [try numbers.tensor("weights")], withRespectTo: leaves
        ).compactMap { $0 }
        XCTAssertEqual(found.count, leaves.count, file: file, line: line)
        let imageGradient = try numbers.tensor("\(name)/gradient/images")
        XCTAssertLessThan(relativeDifference(found[0], imageGradient), 1e-4, file: file, line: line)
        let ramps = try numbers.tensor("\(name)/gradient/ramps").scalars(as: Double.self)
        for (index, gradient) in found.dropFirst().enumerated() {
            let values = gradient.scalars(as: Double.self)
            let steps = Double(max(values.count - 1, 1))
            let ramp = values.enumerated().reduce(0) { $0 + $1.element * (1 + Double($1.offset) / steps) }
            // Relative to what could cancel out.
            let scale = values.reduce(0) { $0 + abs($1) }
            XCTAssertEqual(
                ramp, ramps[index], accuracy: 2e-5 * scale + 1e-6, "\(name): gradient of \(order[index])", file: file,
                line: line)
        }

        model.evaluate()
        assertClose(
            model(images), try numbers.tensor("\(name)/evaluated"), rtol: 1e-4, atol: 1e-5, "\(name): evaluated",
            file: file, line: line)
    }

    private func decode<Value: Decodable>(_ type: Value.Type, _ text: String?) throws -> Value {
        try JSONDecoder().decode(type, from: Data(try XCTUnwrap(text).utf8))
    }

    func testMultilayerPerceptronEqualsTorchs() throws { try check("mlp") }
    func testConvNetEqualsTorchs() throws { try check("cnn") }
    func testResidualNetworkEqualsTorchs() throws { try check("resnet") }
    func testVisionTransformerEqualsTorchs() throws { try check("vit") }
}
