import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// How much a step asks of LibTorch, by counts: what a clock would show is the machine's.
final class StepCostTests: XCTestCase {
    /// Convolution and normalisation blocks of some depth.
    private final class Net: Module, Layer {
        let body: Sequential
        let head = Linear(4, 3, generator: Generator(seed: 1))

        init(depth: Int) {
            let generator = Generator(seed: 2)
            body = Sequential(
                (0..<depth).flatMap { level -> [any Layer] in
                    [
                        Conv2d(
                            level == 0 ? 1 : 4, 4, kernel: 3, padding: 1, bias: false, generator: generator),
                        BatchNorm(4), ReLU(),
                    ]
                })
            super.init()
        }

        func callAsFunction(_ input: Tensor) -> Tensor { head(body(input).mean([2, 3])) }
    }

    private let images = randomTensor([8, 1, 6, 6], seed: 3)
    private let labels = randomIntegers([8], in: 0..<3)

    /// Operator calls of each of the first steps; curvature is due in the first one alone.
    private func calls(
        depth: Int, steps: Int = 4, _ make: (Net) throws -> any Optimizer
    ) throws -> [Int] {
        let model = Net(depth: depth)
        let optimizer = try make(model)
        return try (0..<steps).map { _ in
            try countingOperatorCalls {
                try optimizer.backward(crossEntropy(model(images), labels))
                XCTAssertEqual(try optimizer.step(), .applied)
            }
        }
    }

    private func fop(
        _ model: Net, beta: BetaPolicy = .paper, interval: Int = 1000, isStaggered: Bool = false
    ) throws -> FOP {
        var options = FOPOptions()
        options.curvature.staggersCurvature = isStaggered
        options.curvature.beta = beta
        options.curvature.factorInterval = .every(interval)
        options.curvature.inverseInterval = .every(interval)
        return try FOP(model, learningRate: 0.01, options: options)
    }

    /// What one more block, a convolution and a normalisation, costs.
    func testAnOrdinaryStepsCallsPerLayer() throws {
        func perBlock(_ make: (Net) throws -> any Optimizer) throws -> Int {
            let (shallow, deep) = (try calls(depth: 1, make), try calls(depth: 5, make))
            XCTAssertEqual(Set(shallow[1...]).count, 1, "ordinary steps are alike: \(shallow)")
            XCTAssertEqual(Set(deep[1...]).count, 1, "ordinary steps are alike: \(deep)")
            return (deep[1] - shallow[1]) / 4
        }
        let sgd = try perBlock { try SGD($0, learningRate: 0.01, momentum: 0.9) }
        let kfac = try perBlock { try self.fop($0, beta: .zero) }
        let full = try perBlock { try self.fop($0) }
        // Six in the forward pass, four of them batch normalisation's, and one per parameter.
        XCTAssertLessThanOrEqual(sgd, 9, "SGD")
        XCTAssertLessThanOrEqual(kfac, 23, "K-FAC")
        XCTAssertLessThanOrEqual(full, 38, "FOP")
    }

    func testACurvatureStepsCallsPerLayer() throws {
        func perBlock(_ interval: Int) throws -> Int {
            let (shallow, deep) = (
                try calls(depth: 2) { try self.fop($0, interval: interval) },
                try calls(depth: 6) { try self.fop($0, interval: interval) }
            )
            // The first step of all starts the moving averages.
            return (deep[2] - shallow[2]) / 4
        }
        XCTAssertLessThanOrEqual(try perBlock(1) - perBlock(1000), 260)
    }

    /// The curvature of an interval in one step, or spread over its steps: the same in all, and no step has much of it.
    func testStaggeredStepsAreAlike() throws {
        // Step 0, at which the moving averages begin, then two intervals.
        func counts(_ interval: Int, isStaggered: Bool = false) throws -> [Int] {
            Array(try calls(depth: 4, steps: 11) { try self.fop($0, interval: interval, isStaggered: isStaggered) }[1...])
        }
        let (plain, together) = (try counts(1000)[0], try counts(5))
        let staggered = try counts(5, isStaggered: true)
        XCTAssertEqual(together.filter { $0 > plain }.count, 2)
        XCTAssertEqual(staggered[..<5], staggered[5...], "one interval is as the next")
        let (largest, share) = (staggered.max()! - plain, (together.max()! - plain) / 5)
        XCTAssertLessThanOrEqual(largest, 2 * share, "one step, of \(staggered)")
        XCTAssertLessThanOrEqual(staggered[..<5].map { $0 - plain }.reduce(0, +), 5 * share + 5 * 8, "an interval")
    }

    /// How often each of some steps waits for values of tensors.
    private func hostReads(_ prepare: (FOP) -> Void, afterStep read: (FOP) -> Void = { _ in }) throws -> [Int] {
        let model = Net(depth: 2)
        let optimizer = try fop(model, interval: 3)
        prepare(optimizer)
        return try (0..<8).map { _ in
            let before = Tensor.hostReadCount
            try optimizer.backward(crossEntropy(model(images), labels))
            XCTAssertEqual(try optimizer.step(), .applied)
            read(optimizer)
            return Tensor.hostReadCount - before
        }
    }

    /// Diagnostics are there for nothing until somebody reads them, and then for one transfer.
    func testDiagnosticsThatAreNotReadWaitForNothing() throws {
        let off = try hostReads { $0.measuresGradientNoise = false }
        let unread = try hostReads { $0.measuresGradientNoise = true }
        let read = try hostReads { $0.measuresGradientNoise = true } afterStep: { XCTAssertNotNil($0.diagnostics) }
        XCTAssertGreaterThan(off.min()!, 0, "a step tells whether it was taken")
        XCTAssertEqual(unread, off)
        XCTAssertEqual(read, off.map { $0 + 1 })
    }

    func testMemoryDoesNotGrow() throws {
        let model = Net(depth: 2)
        let optimizer = try fop(model, interval: 3)
        func step() throws {
            try optimizer.backward(crossEntropy(model(images), labels))
            try optimizer.step()
        }
        for _ in 0..<3 { try step() }
        try assertNoMemoryGrowth(calls: 30, bytes: 64) { try step() }
    }
}
