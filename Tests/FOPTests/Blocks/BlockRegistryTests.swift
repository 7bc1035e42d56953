import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Which block stands for which parameters.
final class BlockRegistryTests: SmallModelTestCase {
    private final class Net: Module {
        let embedding = Embedding(9, 4, generator: Generator(seed: 1))
        let first = Linear(4, 5, generator: Generator(seed: 2))
        let norm = LayerNorm(5)
        let cell = Cell()
        let head = Linear(5, 3, generator: Generator(seed: 3))

        func loss(seed: UInt64 = 1) -> Tensor {
            let features = cell(norm(first(embedding(randomIntegers([6], in: 0..<9, seed: seed)))).tanh())
            return crossEntropy(head(features), randomIntegers([6], in: 0..<3, seed: seed))
        }
    }

    /// A layer that nothing is registered for.
    private final class Cell: Module, Layer {
        let weight = Parameter(randomTensor([5, 5], seed: 4) * 0.5)

        func callAsFunction(_ input: Tensor) -> Tensor {
            observed(input: input, output: input.linear(weight: weight.value))
        }
    }

    private func kinds(_ change: (inout FOPOptions) -> Void) throws -> [String: String] {
        let rows = try FOP(Net(), learningRate: 0.1, options: options(change)).coverage.rows
        return Dictionary(uniqueKeysWithValues: rows.map { ($0.parameter, $0.kind) })
    }

    func testEveryLayerHasABlockOfItsOwn() throws {
        let kinds = try kinds { _ in }
        XCTAssertEqual(
            kinds,
            [
                "embedding.weight": "kronecker", "first.weight": "kronecker", "first.bias": "kronecker",
                "norm.weight": "unit-wise", "norm.bias": "unit-wise", "cell.weight": "fallback",
                "head.weight": "kronecker", "head.bias": "kronecker",
            ])
    }

    func testParameterBeforeLayerBeforeDefault() throws {
        let kinds = try kinds {
            $0.curvature.block = .diagonal
            $0.blocks.use(.fallback, for: Linear.self)
            $0.blocks.use(.ekfac, for: Linear.self)
            $0.blocks.use(.kronecker, forParameter: "head.weight")
            $0.blocks.use(.fallback, forParameter: "norm.bias")
        }
        XCTAssertEqual(
            kinds,
            [
                "embedding.weight": "kronecker", "first.weight": "ekfac", "first.bias": "ekfac",
                "norm.weight": "unit-wise", "norm.bias": "fallback", "cell.weight": "fallback",
                "head.weight": "kronecker", "head.bias": "ekfac",
            ])
    }

    func testTheDefaultReachesLayersWithAWeight() throws {
        let kinds = try kinds { $0.curvature.block = .fallback }
        XCTAssertEqual(Set(kinds.values), ["fallback"])
        XCTAssertEqual(try self.kinds { $0.curvature.block = .unitWise }["first.weight"], "kronecker")
    }

    /// With everything left to the fallback rule the optimizer is SGD.
    func testWithoutBlocksItIsSGD() throws {
        let (model, other) = (Net(), Net())
        let optimizer = try FOP(model, learningRate: 0.1, options: options { $0.curvature.block = .fallback })
        let plain = try SGD(other, learningRate: 0.1, momentum: 0.9)
        for seed in 0..<3 {
            try optimizer.backward(model.loss(seed: UInt64(seed)))
            try optimizer.step()
            try plain.backward(other.loss(seed: UInt64(seed)))
            try plain.step()
        }
        assertIdentical(model.parameters.map(\.value), other.parameters.map(\.value))
    }

    // MARK: Sizes

    /// By type and dimension, and what was asked for goes before.
    func testLargeVocabulariesGoToTheFallback() throws {
        let kinds = try kinds { $0.curvature.maximumVocabulary = 4 }
        XCTAssertEqual(kinds["embedding.weight"], "fallback")
        XCTAssertEqual(kinds["first.weight"], "fallback")
        XCTAssertEqual(kinds["head.weight"], "kronecker")
        let asked = try self.kinds {
            $0.curvature.maximumVocabulary = 4
            $0.blocks.use(.kronecker, for: Embedding.self)
            $0.blocks.use(.diagonal, forParameter: "first.weight")
        }
        XCTAssertEqual(asked["embedding.weight"], "kronecker")
        XCTAssertEqual(asked["first.weight"], "diagonal")
        XCTAssertEqual(asked["first.bias"], "fallback")
    }

    func testLargeFactorsAreSplit() throws {
        let optimizer = try FOP(Net(), learningRate: 0.1, options: options { $0.curvature.maximumFactorSize = 4 })
        let rows = optimizer.coverage.rows
        XCTAssertEqual(rows.first { $0.parameter == "first.weight" }?.factors, "3x3 2x2 3x3 2x2")
        XCTAssertEqual(rows.first { $0.parameter == "embedding.weight" }?.factors, "9 4x4")
    }

    // MARK: Layers and blocks of one's own

    /// The layer's weight is kept transposed: another geometry than any of the package's.
    private final class Turned: Module, Layer {
        let table: Parameter

        init(_ weight: Tensor) { table = Parameter(weight.transposed().contiguous()) }

        func callAsFunction(_ input: Tensor) -> Tensor {
            observed(input: input, output: input.matmul(table.value))
        }
    }

    private struct TurnedGeometry: LayerGeometry {
        let outputs, inputs: Int
        let groups = 1
        let hasBias = false
        var weightShape: [Int] { [inputs, outputs] }
        func weightGradient(_ record: LayerRecord) -> Tensor { record.input.transposed().matmul(record.outputGradient) }
        func biasGradient(_ record: LayerRecord) -> Tensor { record.outputGradient.sum([0]) }
        func inputRows(_ record: LayerRecord) -> Tensor { record.input.unsqueezed(1) }
        func outputRows(_ record: LayerRecord) -> Tensor { record.outputGradient.unsqueezed(1) }
        func matrix(ofWeight weight: Tensor) -> Tensor { weight.transposed() }
        func weight(ofMatrix matrix: Tensor) -> Tensor { matrix.transposed() }
    }

    func testALayerOfOnesOwnTrainsAsTheLayerItIs() throws {
        for kind in [BlockKind.kronecker, .ekfac, .diagonal] {
            let weight = randomTensor([3, 4], seed: 1, dtype: .float64)
            let (turned, linear) = (Turned(weight), Linear(weight: weight.cloned()))
            let own = try FOP(
                turned, learningRate: 0.1,
                options: options {
                    $0.curvature.block = kind
                    $0.blocks.register(Turned.self) { layer in
                        .weight(layer.table, geometry: TurnedGeometry(outputs: 3, inputs: 4))
                    }
                })
            let usual = try FOP(linear, learningRate: 0.1, options: options { $0.curvature.block = kind })
            XCTAssertEqual(own.coverage.rows.map(\.kind), [kind.rawValue])
            for seed in 0..<3 {
                let inputs = randomTensor([6, 4], seed: UInt64(10 + seed), dtype: .float64)
                let labels = randomIntegers([6], in: 0..<3, seed: UInt64(seed))
                for (model, optimizer) in [(turned as any Layer, own), (linear, usual)] {
                    try optimizer.backward(crossEntropy(model(inputs), labels))
                    XCTAssertEqual(try optimizer.step(), .applied)
                }
            }
            assertRelativeDifference(
                turned.table.value.detached().transposed(), linear.weight.value.detached(), below: 1e-10, "\(kind)")
        }
    }

    /// F = 0 and M = 2 I.
    private final class HalfBlock: FisherBlock {
        let geometry: LinearGeometry
        init(_ geometry: LinearGeometry) { self.geometry = geometry }
        var shape: [Int] { geometry.matrixShape }
        var isReady: Bool { true }
        func pack(_ parameters: [Tensor]) -> Tensor { parameters[0] }
        func unpack(_ matrix: Tensor) -> [Tensor] { [matrix] }
        func gradient(_ record: LayerRecord) -> Tensor { geometry.weightGradient(record) }
        func factorSize(_ record: LayerRecord) -> (rowsPerExample: Int, dimension: Int) { (1, 1) }
        func accumulate(_ record: LayerRecord, as use: RecordUse) {}
        func takeStatistics(gradientScale: Double) -> [Tensor] { [] }
        var statisticsShapes: [[Int]] { [] }
        func updateAverages(_ statistics: [Tensor], decay: Double, isFinite: Tensor) {}
        func updateInverse(damping: Double) -> [InverseOutcome] { [] }
        func fisherProduct(_ matrix: Tensor) -> Tensor { matrix.zerosLike() }
        func dampedProduct(_ matrix: Tensor) -> Tensor { matrix * 2 }
        func precondition(_ matrix: Tensor) -> Tensor { matrix * 0.5 }
        let factorShapes: [[Int]] = []
        let state: [String: Tensor] = [:]
        func load(_ state: [String: Tensor]) {}
        let stateShapes: [String: [Int]] = [:]
    }

    func testABlockOfOnesOwnTakesTheStepItSays() throws {
        let weight = randomTensor([3, 4], seed: 1, dtype: .float64)
        let (model, other) = (Linear(weight: weight.cloned()), Linear(weight: weight.cloned()))
        let optimizer = try FOP(
            model, learningRate: 0.2,
            options: options {
                $0.curvature.beta = .zero
                $0.blocks.register(Linear.self) { layer in
                    .block("half", parameters: [layer.weight]) {
                        HalfBlock(LinearGeometry(outputs: 3, features: 4, hasBias: false))
                    }
                }
            })
        XCTAssertEqual(optimizer.coverage.rows.map(\.kind), ["half"])
        let plain = try SGD(other, learningRate: 0.1, momentum: 0.9)
        for seed in 0..<3 {
            let inputs = randomTensor([6, 4], seed: UInt64(seed), dtype: .float64)
            let labels = randomIntegers([6], in: 0..<3, seed: UInt64(seed))
            try optimizer.backward(crossEntropy(model(inputs), labels))
            try optimizer.step()
            try plain.backward(crossEntropy(other(inputs), labels))
            try plain.step()
        }
        assertRelativeDifference(model.weight.value.detached(), other.weight.value.detached(), below: 1e-12)
    }

    // MARK: Errors

    func testWhatDoesNotFitIsNamed() {
        let cases: [(String, (inout FOPOptions) -> Void)] = [
            (
                "blocks.use(.diagonal, forParameter: \"heads.weight\"): the model has no parameter of that name; it has "
                    + "embedding.weight, first.weight, first.bias",
                { $0.blocks.use(.diagonal, forParameter: "heads.weight") }
            ),
            (
                "blocks.use(.ekfac, for: Conv2d.self): the model has no such layer; it has Net, Embedding, Linear",
                { $0.blocks.use(.ekfac, for: Conv2d.self) }
            ),
            (
                "forParameter: \"norm.weight\"): LayerNorm takes unit-wise or fallback, not ekfac",
                { $0.blocks.use(.ekfac, forParameter: "norm.weight") }
            ),
            ("for: Embedding.self): it takes kronecker or fallback, not diagonal", { $0.blocks.use(.diagonal, for: Embedding.self) }),
            ("nothing is registered for its layer, Cell", { $0.blocks.use(.kronecker, forParameter: "cell.weight") }),
            ("blocks.use(.kronecker, for: Cell.self): nothing is registered", { $0.blocks.use(.kronecker, for: Cell.self) }),
            ("maximumFactorSize is 0: use a whole number of 1 or more", { $0.curvature.maximumFactorSize = 0 }),
            ("maximumVocabulary is -1", { $0.curvature.maximumVocabulary = -1 }),
            (
                "names a parameter that the model does not have",
                { $0.blocks.register(Cell.self) { _ in .embedding(Parameter(.zeros([2, 2]))) } }
            ),
        ]
        for (text, change) in cases {
            assertThrowsTorchError(try FOP(Net(), learningRate: 0.1, options: options(change))) { assertContains("\($0)", text) }
        }
    }

    func testAKindThatDoesNotFitIsRefusedByTheFactory() throws {
        let configuration = CurvatureConfiguration()
        let structure = LayerStructure.weight(LinearGeometry(outputs: 2, features: 3, hasBias: true))
        for kind in [BlockKind.unitWise, .fallback] {
            assertThrowsTorchError(try structure.block(kind, configuration)) {
                assertContains("\($0)", "there is no block of kind \(kind) for a layer with a weight: use kronecker, ekfac, diagonal")
            }
        }
        XCTAssertTrue(try structure.block(.ekfac, configuration) is EigenbasisBlock)
    }

    func testOptionsWithTheSameRegistryAreEqual() {
        var (one, other) = (FOPOptions(), FOPOptions())
        XCTAssertEqual(one, other)
        one.blocks.use(.ekfac, for: Linear.self)
        XCTAssertNotEqual(one, other)
        other.blocks.use(.ekfac, for: Linear.self)
        XCTAssertEqual(one, other)
        one.blocks.register(Cell.self) { .embedding($0.weight) }
        XCTAssertNotEqual(one, other)
        other.blocks = one.blocks
        XCTAssertEqual(one, other)
    }
}
