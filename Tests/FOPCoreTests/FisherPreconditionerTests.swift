import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch
import XCTest

/// The whole of the mathematics, driven by layer records, against the dense reference: several layers, several steps.
final class FisherPreconditionerTests: SmallTensorTestCase {
    // MARK: Every layer

    func testDirectionsOfEveryLayer() {
        for layer in LayerCase.all {
            for dtype in [DType.float32, .float64] {
                for count in [5, 8] {
                    check([layer], Settings { $0.damping = 0.1 }, batches: [count], dtype: dtype, layer.name)
                }
            }
        }
    }

    func testReduce() {
        for layer in LayerCase.linear + LayerCase.convolutions {
            check([layer], Settings { $0.sharing = .reduce }, batches: [7, 7], dtype: .float64, layer.name)
        }
        check(mixed, Settings { $0.sharing = .reduce }, batches: [7, 7], dtype: .float32)
    }

    // MARK: Batches

    func testOddAndEvenBatches() {
        for dtype in [DType.float32, .float64] {
            for count in [2, 3, 5, 6, 7] { check(mixed, Settings(), batches: [count, count], dtype: dtype, "N = \(count)") }
        }
    }

    /// One example cannot be split: g1 = g2, K-FAC's step.
    func testOneExample() {
        let layers = mixed.filter { !$0.name.hasPrefix("batch norm") }
        for dtype in [DType.float32, .float64] {
            let settings = Settings { $0.damping = 0.1 }
            let preconditioner = check(layers, settings, batches: [1, 1], dtype: dtype)
            for scalars in preconditioner.lastScalars {
                XCTAssertEqual(scalars.beta.item(as: Double.self), 0)
                XCTAssertEqual(scalars.eta.item(as: Double.self), 1, accuracy: 1e-11)
            }
        }
    }

    func testBatchesOfDifferentSizes() {
        check(mixed, Settings(), batches: [5, 8, 3], dtype: .float64)
    }

    /// Micro-batches 1 to m/2 give g1, the others g2; with an odd number the first group is larger.
    func testMicroBatches() {
        for dtype in [DType.float32, .float64] {
            for sizes in [[4, 4], [3, 3, 3], [2, 3, 4, 5], [6, 2], [2, 2, 2, 2, 2]] {
                check(mixed, Settings(), microBatches: [sizes, sizes], dtype: dtype, "micro-batches \(sizes)")
            }
        }
    }

    func testASumOfLossesGivesTheSameStepAsTheirMean() {
        var curvature = Settings().curvature
        curvature.lossReduction = .sum
        check(mixed, Settings(), batches: [5, 5], curvature: curvature, dtype: .float64)
        check(mixed, Settings(), microBatches: [[3, 5]], curvature: curvature, dtype: .float64)
    }

    /// Calls of a layer in one pass are more positions of the same weight.
    func testALayerCalledTwiceInOnePass() {
        for layer in LayerCase.linear + LayerCase.convolutions {
            let settings = Settings { $0.damping = 0.1 }
            let preconditioner = preconditioner([layer], settings.curvature)
            let reference = reference([layer], settings)
            for step in 0..<2 {
                let first = layer.draw(5, seed: 20 + UInt64(step), dtype: .float64)
                let second = layer.draw(5, seed: 30 + UInt64(step), dtype: .float64)
                preconditioner.beginMicroBatch()
                preconditioner.record(second.record, block: 0)
                preconditioner.record(first.record, block: 0)
                let both = zip(first.examples, second.examples).map { $0.again($1) }
                compare(preconditioner, reference, [[both]], learningRate: 0.1, "\(layer.name), step \(step)")
            }
        }
    }

    // MARK: Options

    func testMovingAveragesAndIntervals() {
        let settings = [
            Settings { $0.emaDecay = 0 }, Settings { $0.emaDecay = 0.5 }, Settings { $0.factorInterval = 2 },
            Settings { $0.inverseInterval = 3 },
            Settings {
                $0.factorInterval = 2
                $0.inverseInterval = 4
            },
        ]
        for (index, settings) in settings.enumerated() {
            for dtype in [DType.float32, .float64] {
                check(mixed, settings, batches: [6, 5, 6, 4, 6], dtype: dtype, "settings \(index)")
            }
        }
    }

    func testBetaAndEta() {
        for beta in [ReferencePolicies.Beta.paper, .zero, .fixed(0.7), .fixed(-0.4), .fixed(0)] {
            for eta in [ReferencePolicies.Eta.average, .sum, .off] {
                for isDamped in [false, true] {
                    let settings = Settings {
                        $0.policies.beta = beta
                        $0.policies.eta = eta
                        $0.policies.isDamped = isDamped
                    }
                    check(mixed, settings, batches: [6, 7], dtype: .float64, "\(beta), \(eta), damped: \(isDamped)")
                    check(mixed, settings, batches: [6], dtype: .float32, "\(beta), \(eta), damped: \(isDamped)")
                }
            }
        }
    }

    func testTrustRegion() {
        for kappa in [1e-6, 1e-3, 1e3] {
            for dtype in [DType.float32, .float64] {
                check(mixed, Settings { $0.klClip = kappa }, batches: [6, 7], dtype: dtype, "kappa \(kappa)")
            }
        }
    }

    /// A correction that turns the step uphill must not make the trust region a root of a negative number.
    func testTrustRegionOfAStepThatLeadsUphill() {
        let layers = Array(LayerCase.linear.prefix(1))
        for value in [-30.0, 30] {
            let settings = Settings {
                $0.policies.beta = .fixed(value)
                $0.policies.eta = .off
                $0.klClip = 1e-2
            }
            let preconditioner = preconditioner(layers, settings.curvature)
            for seed in 0..<8 {
                preconditioner.beginMicroBatch()
                preconditioner.record(layers[0].draw(6, seed: UInt64(seed), dtype: .float32).record, block: 0)
                let (directions, isFinite) = preconditioner.directions(learningRate: 0.1)
                XCTAssertTrue(isFinite.item(as: Bool.self))
                for direction in directions[0]! { XCTAssertTrue(direction.isFinite().all().item(as: Bool.self), "\(value)") }
            }
        }
    }

    /// Factors of every third example.
    func testFactorsFromAPartOfTheBatch() {
        var curvature = Settings().curvature
        curvature.factorExamples = .atMost(3)
        for layer in [LayerCase.linear[0], LayerCase.linear[2], LayerCase.convolutions[2], LayerCase.normalizations[4]] {
            let preconditioner = preconditioner([layer], curvature)
            let (record, examples) = layer.draw(8, seed: 2, dtype: .float64)
            preconditioner.beginMicroBatch()
            preconditioner.record(record, block: 0)
            let directions = preconditioner.directions(learningRate: 1).directions
            let (first, second) = halves([examples])
            let block = layer.reference(.expand)
            let factors = block.statistics([examples[0], examples[3], examples[6]])
            let step = ReferenceStep(
                meanGradient(first), meanGradient(second), fisher: block.fisher(factors),
                damped: block.damped(factors, curvature.damping))
            assertReference(preconditioner.blocks[0].pack(directions[0]!), step.direction, layer.name)
        }
    }

    /// The decision whether factors are due is one for the whole step, also when micro-batches are small.
    func testAutomaticIntervalsWithMicroBatches() {
        let layer = LayerCase.linear[0]
        var curvature = Settings().curvature
        curvature.factorInterval = .automatic
        curvature.inverseInterval = .automatic
        let preconditioner = preconditioner([layer], curvature)
        var seed: UInt64 = 0
        func run(_ steps: Int) -> [String: Tensor] {
            for _ in 0..<steps {
                for _ in 0..<4 {
                    preconditioner.beginMicroBatch()
                    preconditioner.record(layer.draw(1000, seed: seed, dtype: .float32, total: 4000).record, block: 0)
                    seed += 1
                }
                _ = preconditioner.directions(learningRate: 1)
            }
            return preconditioner.blocks[0].state.mapValues { $0.cloned() }
        }
        // 25,600 / 4,000 examples: every 6 steps.
        let first = run(1)
        assertIdentical(run(5)["input_factor"]!, first["input_factor"]!, "factors before they are due")
        let second = run(1)
        XCTAssertFalse(second["input_factor"]!.isEqual(to: first["input_factor"]!), "factors were due")
    }

    /// A block that nothing passed through gets no direction and keeps its state.
    func testALayerThatIsNotUsedInAStep() {
        let layers = Array(LayerCase.linear.prefix(2))
        let preconditioner = preconditioner(layers, Settings().curvature)
        let reference = reference([layers[0]], Settings())
        for step in 0..<2 {
            let (record, examples) = layers[0].draw(6, seed: UInt64(step), dtype: .float64)
            preconditioner.beginMicroBatch()
            preconditioner.record(record, block: 0)
            let (directions, _) = preconditioner.directions(learningRate: 1)
            XCTAssertNil(directions[1])
            XCTAssertTrue(preconditioner.blocks[1].state.isEmpty)
            let expected = reference.directions([[examples]], learningRate: 1)
            assertReference(preconditioner.blocks[0].pack(directions[0]!), expected[0])
        }
    }

    func testDiscardedGradientsLeaveNoTrace() {
        let preconditioner = preconditioner(mixed, Settings().curvature)
        let reference = reference(mixed, Settings())
        record(mixed, [4, 4], seed: 1, dtype: .float64, into: preconditioner)
        preconditioner.discard()
        XCTAssertFalse(preconditioner.hasGathered)
        let examples = record(mixed, [6], seed: 50, dtype: .float64, into: preconditioner)
        XCTAssertTrue(preconditioner.hasGathered)
        compare(preconditioner, reference, examples, learningRate: 0.1, "after discard")
        XCTAssertFalse(preconditioner.hasGathered)
    }
}

// MARK: - Running both

/// One layer of each kind.
private let mixed = [
    LayerCase.linear[0], LayerCase.linear[3], LayerCase.convolutions[2], LayerCase.convolutions[7],
    LayerCase.normalizations[0], LayerCase.normalizations[4], LayerCase.normalizations[7],
]

private func preconditioner(_ layers: [LayerCase], _ curvature: CurvatureConfiguration) -> FisherPreconditioner {
    FisherPreconditioner(blocks: layers.map { $0.block(curvature.weightSharing) }, configuration: curvature)
}

private func reference(_ layers: [LayerCase], _ settings: Settings) -> ReferenceOptimizer {
    ReferenceOptimizer(
        layers.map { $0.reference(settings.sharing) }, sizes: layers.map(\.parameterCount), options: settings.reference)
}

/// Runs steps on random batches in both and compares directions, factors and scalars after each.
@discardableResult private func check(
    _ layers: [LayerCase], _ settings: Settings, microBatches: [[Int]], curvature: CurvatureConfiguration? = nil,
    dtype: DType, _ title: String = "", file: StaticString = #filePath, line: UInt = #line
) -> FisherPreconditioner {
    let preconditioner = preconditioner(layers, curvature ?? settings.curvature)
    let reference = reference(layers, settings)
    for (step, sizes) in microBatches.enumerated() {
        let examples = record(layers, sizes, seed: UInt64(100 * step), dtype: dtype, into: preconditioner)
        let title = "\(title), \(dtype), step \(step)"
        compare(preconditioner, reference, examples, learningRate: 0.3, title, file: file, line: line)
    }
    return preconditioner
}

@discardableResult private func check(
    _ layers: [LayerCase], _ settings: Settings, batches: [Int], curvature: CurvatureConfiguration? = nil,
    dtype: DType, _ title: String = "", file: StaticString = #filePath, line: UInt = #line
) -> FisherPreconditioner {
    check(
        layers, settings, microBatches: batches.map { [$0] }, curvature: curvature, dtype: dtype, title, file: file,
        line: line)
}

/// Hands random micro-batches to the preconditioner; returns the same by micro-batch and layer for the reference.
@discardableResult private func record(
    _ layers: [LayerCase], _ sizes: [Int], seed: UInt64, dtype: DType, into preconditioner: FisherPreconditioner
) -> [[[LayerExample]]] {
    let total = sizes.reduce(0, +)
    let isSum = preconditioner.configuration.lossReduction == .sum
    return sizes.enumerated().map { micro, count in
        preconditioner.beginMicroBatch()
        return layers.enumerated().map { index, layer in
            var (record, examples) = layer.draw(
                count, seed: seed + UInt64(10 * micro + index), dtype: dtype, total: total)
            if isSum { record.outputGradient = record.outputGradient * Double(total) }
            preconditioner.record(record, block: index)
            return examples
        }
    }
}

/// One step of both.
private func compare(
    _ preconditioner: FisherPreconditioner, _ reference: ReferenceOptimizer, _ examples: [[[LayerExample]]],
    learningRate: Double, _ title: String, file: StaticString = #filePath, line: UInt = #line
) {
    let (directions, isFinite) = preconditioner.directions(learningRate: learningRate)
    XCTAssertTrue(isFinite.item(as: Bool.self), title, file: file, line: line)
    let expected = reference.directions(examples, learningRate: learningRate)
    for (index, block) in preconditioner.blocks.enumerated() {
        guard let direction = directions[index] else { return XCTFail("no direction", file: file, line: line) }
        let title = "\(title), layer \(index)"
        assertReference(block.pack(direction), expected[index], "\(title): d", file: file, line: line)
        compareScalars(preconditioner.lastScalars[index], reference.lastSteps[index], title, file, line)
        compareFactors(block, reference.layers[index].factors, title, file, line)
    }
}

/// Against the reference's numbers; in float32, where s, D and beta can be small differences of large terms, on the scale that
/// Cauchy and Schwarz give them.
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
    _ block: any FisherBlock, _ factors: [Matrix], _ title: String, _ file: StaticString, _ line: UInt
) {
    if let block = block as? KroneckerBlock, let A = block.inputFactor, let G = block.outputFactor {
        for (tensor, first, name) in [(A, 0, "A"), (G, 1, "G")] {
            let own = stride(from: first, to: factors.count, by: 2).flatMap { factors[$0].values }
            assertReference(tensor, own, "\(title): \(name)", file: file, line: line)
        }
    } else if let F = (block as? UnitWiseBlock)?.fisher {
        assertReference(F, factors.flatMap(\.values), "\(title): F", file: file, line: line)
    } else {
        XCTFail("\(title): no factors", file: file, line: line)
    }
}
