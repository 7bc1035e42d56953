import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Factors against those of ASDL (Osawa et al. 2023, the package asdfghjkl). What it defines otherwise:
/// - Its A leaves the bias out: here the last row and column, which are cut off.
/// - A linear layer at several positions divides A by N, not by N T as a convolution does: its A is T times that of here.
/// - With m Monte Carlo samples it divides each loss by m and adds up the m squares: its G is 1/m of that of here.
/// - Squared gradients of a linear layer at several positions are squared before they are summed over the positions; a
///   convolution's, as here, after.
final class ASDLTests: SmallModelTestCase {
    private final class Sequence: Module, Layer {
        let shared: Linear
        let head: Linear

        init(_ parameters: [String: Tensor]) {
            shared = Linear(weight: parameters["shared.weight"]!, bias: parameters["shared.bias"]!)
            head = Linear(weight: parameters["head.weight"]!, bias: parameters["head.bias"]!)
        }

        func callAsFunction(_ input: Tensor) -> Tensor { head(shared(input).tanh().mean([1])) }
    }

    private struct Case {
        let fixture: FixtureFile
        let name: String
        let layers: [String]

        func tensor(_ key: String) throws -> Tensor { try fixture.tensor("\(name)/\(key)") }

        func model() throws -> any Layer {
            let parameters = fixture.tensors(under: "\(name)/parameter/").mapValues { $0.cloned() }
            if name == "sequence" { return Sequence(parameters) }
            let model = Sequential([
                Conv2d(2, 4, kernel: 3, stride: 2, padding: 1), Tanh(), Conv2d(4, 3, kernel: 2, bias: false), ReLU(), Flatten(),
                Linear(12, 5), Tanh(), Linear(5, 4),
            ]).to(.float64)
            for (key, parameter) in model.namedParameters {
                withoutGradients { parameter.value.copy(from: parameters[key]!) }
            }
            return model
        }

        /// The curvature after one backward pass.
        func curvature(
            _ kind: BlockKind = .kronecker, _ fisher: FisherType = .empirical, labels: Tensor? = nil
        ) throws -> [String: Tensor] {
            let model = try model()
            var options = FOPOptions()
            options.curvature.block = kind
            options.curvature.fisher = fisher
            let optimizer = try FOP(model, learningRate: 0, options: options)
            let output = model(try tensor("inputs"))
            let labels = try labels ?? tensor("labels")
            try optimizer.backward(crossEntropy(output, labels), predictions: .categorical(logits: output))
            XCTAssertEqual(try optimizer.step(), .applied)
            return optimizer.state
        }
    }

    private func cases() throws -> [Case] {
        let fixture = try FixtureFile("curvature.safetensors")
        return [
            Case(fixture: fixture, name: "network", layers: ["0", "2", "5", "7"]),
            Case(fixture: fixture, name: "sequence", layers: ["shared", "head"]),
        ]
    }

    private func compare(_ found: [String: Tensor], _ own: Case, _ title: String, scale: Double = 1) throws {
        for layer in own.layers {
            let A = try own.tensor("\(title)/\(layer)/A")
            let positions: Double = layer == "shared" ? 3 : 1
            let ownA = try XCTUnwrap(found["curvature.\(layer).input_factor"])
            let cut = ownA.narrowed(0, from: 0, length: A.size(0)).narrowed(1, from: 0, length: A.size(0))
            assertRelativeDifference(cut * positions, A, below: 1e-12, "\(own.name), \(title), \(layer): A")
            let G = try own.tensor("\(title)/\(layer)/G")
            let ownG = try XCTUnwrap(found["curvature.\(layer).output_factor"])
            assertRelativeDifference(ownG, G * scale, below: 1e-12, "\(own.name), \(title), \(layer): G")
        }
    }

    func testEmpiricalFactors() throws {
        for own in try cases() { try compare(own.curvature(), own, "empirical") }
    }

    func testExactFactors() throws {
        for own in try cases() { try compare(own.curvature(.kronecker, .exact), own, "exact") }
    }

    /// The labels that ASDL drew, given as the true ones.
    func testMonteCarloFactorsOfTheSameDraws() throws {
        for own in try cases() {
            try compare(own.curvature(labels: own.tensor("sampled/drawn").selected(0, 0)), own, "sampled")
            let drawn = try own.tensor("resampled/drawn")
            let draws = try (0..<drawn.size(0)).map { try own.curvature(labels: drawn.selected(0, $0)) }
            let mean = draws[0].mapValues { $0.cloned() }.merging([:]) { one, _ in one }.reduce(into: [String: Tensor]()) {
                sums, entry in
                guard entry.key.hasSuffix("factor") else { return }
                sums[entry.key] = draws.dropFirst().reduce(entry.value) { $0 + $1[entry.key]! } * (1 / Double(draws.count))
            }
            try compare(mean, own, "resampled", scale: Double(drawn.size(0)))
        }
    }

    /// Many draws of one's own come to the exact factors.
    func testManyDrawsComeToTheExactFactors() throws {
        Generator.default.seed(11)
        for own in try cases() {
            let found = try own.curvature(.kronecker, .monteCarlo(samples: 400))
            for layer in own.layers {
                let G = try XCTUnwrap(found["curvature.\(layer).output_factor"])
                assertRelativeDifference(G, try own.tensor("exact/\(layer)/G"), below: 0.15, "\(own.name), \(layer)")
            }
        }
    }

    func testSquaredGradients() throws {
        for own in try cases() {
            let found = try own.curvature(.diagonal)
            for layer in own.layers where layer != "shared" {
                let weight = try own.tensor("squares/\(layer)/weight")
                let squares = try XCTUnwrap(found["curvature.\(layer).fisher"])
                let columns = weight.count / weight.size(0)
                assertRelativeDifference(
                    squares.narrowed(1, from: 0, length: columns).reshaped(weight.shape), weight, below: 1e-12,
                    "\(own.name), \(layer): weight")
                guard squares.size(1) > columns else { continue }
                assertRelativeDifference(
                    squares.selected(1, columns), try own.tensor("squares/\(layer)/bias"), below: 1e-12,
                    "\(own.name), \(layer): bias")
            }
        }
    }
}
