import FOP
import FOPCore
import Foundation
import TestSupport
import Torch
import XCTest

/// The guides' code compiles and does what they say.
final class GuideTests: XCTestCase {
    private static let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The lines of a file that say something, without indentation.
    private func lines(_ text: some StringProtocol) -> [String] {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    private func file(_ path: String) throws -> String {
        try String(contentsOf: Self.tests.appendingPathComponent(path), encoding: .utf8)
    }

    /// Every piece of code of a guide is in one of the files, line after line.
    private func check(_ guide: String, pieces count: Int, _ files: [String], line: UInt = #line) throws {
        let sources = try files.map { "\n" + lines(try file($0)).joined(separator: "\n") + "\n" }
        let parts = try file("../Documentation/\(guide)").components(separatedBy: "```")
        let pieces = stride(from: 1, to: parts.count, by: 2).map { parts[$0] }.filter { $0.hasPrefix("swift") }
        XCTAssertEqual(pieces.count, count, line: line)
        for piece in pieces {
            let code = "\n" + lines(piece.dropFirst("swift".count)).joined(separator: "\n") + "\n"
            XCTAssertTrue(sources.contains { $0.contains(code) }, "not in \(files):\(code)", line: line)
        }
    }

    func testTheGuidesShowWhatIsCompiledHere() throws {
        try check("add-a-block.md", pieces: 2, ["FOPTests/Guides/GuideBlock.swift"])
        try check(
            "add-a-layer.md", pieces: 3,
            ["FOPTests/Guides/GuideLayer.swift", "FOPCoreTests/Cases/LayerCase+Blocks.swift"])
    }

    private func train(_ model: some Layer, _ optimizer: FOP, steps: Int = 20) throws -> (first: Double, last: Double) {
        let inputs = randomTensor([16, 4], seed: 1)
        let labels = randomIntegers([16], in: 0..<3, seed: 2)
        func loss() -> Tensor { crossEntropy(model(inputs), labels) }
        let first = loss().item(as: Double.self)
        for _ in 0..<steps {
            try optimizer.backward(loss())
            XCTAssertEqual(try optimizer.step(), .applied)
        }
        return (first, loss().item(as: Double.self))
    }

    func testTheBlockTrainsAndResumes() throws {
        func model() -> Sequential {
            let generator = Generator(seed: 3)
            return Sequential(Linear(4, 6, generator: generator), Tanh(), Linear(6, 3, generator: generator))
        }
        let (trained, other) = (model(), model())
        let optimizer = try guideBlockOptimizer(trained)
        let (first, last) = try train(trained, optimizer)
        XCTAssertLessThan(last, 0.9 * first)
        XCTAssertEqual(Set(optimizer.coverage.rows.map(\.kind)), ["isotropic"], "the gradients are autograd's")
        let resumed = try guideBlockOptimizer(other)
        for (own, parameter) in zip(other.parameters, trained.parameters) {
            withoutGradients { own.value.copy(from: parameter.value) }
        }
        try resumed.load(optimizer.state.mapValues { $0.cloned() })
        _ = try train(trained, optimizer, steps: 3)
        _ = try train(other, resumed, steps: 3)
        assertIdentical(other.parameters.map(\.value), trained.parameters.map(\.value))
    }

    func testTheLayerTrains() throws {
        func model() -> Sequential {
            let generator = Generator(seed: 4)
            return Sequential(Linear(4, 6, generator: generator), Scale(6), Tanh(), Linear(6, 3, generator: generator))
        }
        func kinds(_ optimizer: FOP) -> [String] {
            optimizer.coverage.rows.filter { $0.parameter == "1.weight" }.map(\.kind)
        }
        for isKnown in [false, true] {
            let model = model()
            let optimizer = isKnown ? try guideLayerOptimizer(model) : try FOP(model, learningRate: 0.1)
            let (first, last) = try train(model, optimizer)
            XCTAssertLessThan(last, 0.9 * first)
            XCTAssertEqual(kinds(optimizer), [isKnown ? "unit-wise" : "fallback"])
        }
    }
}
