import TestSupport
import Torch
import XCTest

/// PyTorch's numbers for one topic, and the comparison of a layer or a function with them, element by element, in both
/// types.
struct LayerFixture {
    let numbers: FixtureFile

    init(_ topic: String) throws { numbers = try FixtureFile(topic + ".safetensors") }

    /// The types and how far apart numbers may be.
    static let types: [(dtype: DType, relative: Double, absolute: Double)] = [
        (.float32, 1e-5, 1e-6), (.float64, 1e-10, 1e-12),
    ]

    /// Compares a layer's names, output, buffers after the call, and gradients.
    /// - Parameters:
    ///   - evaluating: whether the layer is compared in evaluation.
    ///   - make: the layer; its parameters and buffers are overwritten with the fixture's.
    func check<M: Module>(
        _ name: String, evaluating: Bool = false, file: StaticString = #filePath, line: UInt = #line,
        make: () -> M, call: (M, [Tensor]) throws -> Tensor
    ) throws {
        for (dtype, relative, absolute) in Self.types {
            let prefix = "\(dtype)/\(name)/"
            let layer = make().to(dtype)
            layer.train(!evaluating)
            try load(layer, from: prefix, file, line)
            let inputs = try inputs(prefix).map { $0.dtype.isFloatingPoint ? $0.requiringGradient() : $0 }
            let output = try call(layer, inputs)
            XCTAssertEqual(output.dtype, dtype, prefix, file: file, line: line)
            assertClose(
                output, try numbers.tensor(prefix + "output"), rtol: relative, atol: absolute, prefix + "output",
                file: file, line: line)
            var leaves: [(name: String, tensor: Tensor)] = []
            for (index, input) in inputs.enumerated() where input.dtype.isFloatingPoint {
                leaves.append(("input/\(index)", input))
            }
            for (name, parameter) in layer.namedParameters { leaves.append(("parameter/" + name, parameter.value)) }
            try checkGradients(
                of: output, leaves, prefix, rtol: relative, atol: absolute, file, line)
            let after = numbers.tensors(under: prefix + "after/")
            XCTAssertEqual(layer.namedBuffers.map(\.name).sorted(), after.keys.sorted(), file: file, line: line)
            for (name, buffer) in layer.namedBuffers {
                assertClose(
                    buffer.value, try XCTUnwrap(after[name]), rtol: relative, atol: absolute, prefix + "after/" + name,
                    file: file, line: line)
            }
        }
    }

    /// The same for a layer with one input.
    func check<M: Layer>(
        _ name: String, evaluating: Bool = false, file: StaticString = #filePath, line: UInt = #line, make: () -> M
    ) throws {
        try check(name, evaluating: evaluating, file: file, line: line, make: make) { $0($1[0]) }
    }

    /// Compares a function's value and gradient with respect to the input named `prediction`.
    /// - Parameter call: takes the prediction and the other tensors by name.
    func checkFunction(
        _ name: String, file: StaticString = #filePath, line: UInt = #line,
        call: (Tensor, [String: Tensor]) throws -> Tensor
    ) throws {
        for (dtype, relative, absolute) in Self.types {
            let prefix = "\(dtype)/\(name)/"
            let prediction = try numbers.tensor(prefix + "input/prediction").requiringGradient()
            let output = try call(prediction, numbers.tensors(under: prefix + "constant/"))
            assertClose(
                output, try numbers.tensor(prefix + "output"), rtol: relative, atol: absolute, prefix + "output",
                file: file, line: line)
            try checkGradients(
                of: output, [("input/prediction", prediction)], prefix, rtol: relative, atol: absolute, file, line)
        }
    }

    private func load(_ layer: Module, from prefix: String, _ file: StaticString, _ line: UInt) throws {
        let parameters = numbers.tensors(under: prefix + "parameter/")
        XCTAssertEqual(
            layer.namedParameters.map(\.name).sorted(), parameters.keys.sorted(), "\(prefix): names of parameters",
            file: file, line: line)
        for (name, parameter) in layer.namedParameters {
            let value = try XCTUnwrap(parameters[name], file: file, line: line)
            XCTAssertEqual(parameter.shape, value.shape, prefix + name, file: file, line: line)
            parameter.value = value
        }
        let buffers = numbers.tensors(under: prefix + "buffer/")
        XCTAssertEqual(
            layer.namedBuffers.map(\.name).sorted(), buffers.keys.sorted(), "\(prefix): names of buffers", file: file,
            line: line)
        for (name, buffer) in layer.namedBuffers {
            let value = try XCTUnwrap(buffers[name], file: file, line: line)
            XCTAssertEqual(buffer.value.shape, value.shape, prefix + name, file: file, line: line)
            XCTAssertEqual(buffer.value.dtype, value.dtype, prefix + name, file: file, line: line)
            // A copy: running statistics change in place.
            buffer.value = value.cloned()
        }
    }

    private func inputs(_ prefix: String) throws -> [Tensor] {
        let named = numbers.tensors(under: prefix + "input/")
        XCTAssertFalse(named.isEmpty, "\(prefix): no inputs")
        return try (0..<named.count).map { try XCTUnwrap(named["\($0)"]) }
    }

    private func checkGradients(
        of output: Tensor, _ leaves: [(name: String, tensor: Tensor)], _ prefix: String, rtol: Double, atol: Double,
        _ file: StaticString, _ line: UInt
    ) throws {
        let expected = numbers.tensors(under: prefix + "gradient/")
        XCTAssertEqual(leaves.map(\.name).sorted(), expected.keys.sorted(), prefix, file: file, line: line)
        let weights = try numbers.tensor(prefix + "weights")
        // Another shape has failed already.
        guard !leaves.isEmpty, output.shape == weights.shape else { return }
        let actual = gradients(of: [output], weightedBy: [weights], withRespectTo: leaves.map(\.tensor))
        for ((name, _), gradient) in zip(leaves, actual) {
            assertClose(
                gradient, try XCTUnwrap(expected[name]), rtol: rtol, atol: atol, prefix + "gradient/" + name,
                file: file, line: line)
        }
    }
}
