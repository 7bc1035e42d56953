import DenseComparison
import DenseReference
import FOPCore
import TestSupport
import Torch
import XCTest

/// The whole of the mathematics, driven by layer records, against the dense reference: several layers, several steps.
final class FisherPreconditionerTests: SmallTensorTestCase {
    private let types = [DType.float32, .float64]

    /// One layer of each kind.
    private let mixed = [
        LayerCase.linear[0], LayerCase.linear[3], LayerCase.convolutions[2], LayerCase.convolutions[7],
        LayerCase.normalizations[0], LayerCase.normalizations[4], LayerCase.normalizations[7],
    ]

    // MARK: Every layer

    func testDirectionsOfEveryLayer() {
        for layer in LayerCase.all {
            for dtype in types {
                for count in [5, 8] {
                    PreconditionerPair([layer], Settings { $0.damping = 0.1 }).check(
                        [[count]], dtype: dtype, layer.name)
                }
            }
        }
    }

    func testReduce() {
        let settings = Settings { $0.sharing = .reduce }
        for layer in LayerCase.linear + LayerCase.convolutions {
            PreconditionerPair([layer], settings).check([[7], [7]], dtype: .float64, layer.name)
        }
        PreconditionerPair(mixed, settings).check([[7], [7]], dtype: .float32)
    }

    // MARK: Batches

    func testOddAndEvenBatches() {
        for dtype in types {
            for count in [2, 3, 5, 6, 7] {
                PreconditionerPair(mixed).check([[count], [count]], dtype: dtype, "N = \(count)")
            }
        }
    }

    /// One example cannot be split: g1 = g2, K-FAC's step.
    func testOneExample() {
        let layers = mixed.filter { !$0.name.hasPrefix("batch norm") }
        for dtype in types {
            let pair = PreconditionerPair(layers, Settings { $0.damping = 0.1 })
            pair.check([[1], [1]], dtype: dtype)
            for scalars in pair.preconditioner.lastScalars.compactMap({ $0 }) {
                XCTAssertEqual(scalars.beta.item(as: Double.self), 0)
                XCTAssertEqual(scalars.eta.item(as: Double.self), 1, accuracy: 1e-11)
            }
        }
    }

    func testBatchesOfDifferentSizes() {
        PreconditionerPair(mixed).check([[5], [8], [3]], dtype: .float64)
    }

    /// Micro-batches 1 to m/2 give g1, the others g2; with an odd number the first group is larger.
    func testMicroBatches() {
        for dtype in types {
            for sizes in [[4, 4], [3, 3, 3], [2, 3, 4, 5], [6, 2], [2, 2, 2, 2, 2]] {
                PreconditionerPair(mixed).check([sizes, sizes], dtype: dtype, "micro-batches \(sizes)")
            }
        }
    }

    /// K-FAC's gradient is the mean over all examples, whether or not the noise asks for sub-batches of other sizes.
    func testKFACTakesTheMeanOverAllExamples() {
        var measured = 0
        for split in [SubBatchSplit.automatic, .example, .microBatch] {
            for (measuresNoise, reduction) in [(false, LossReduction.mean), (true, .mean), (true, .sum)] {
                for sizes in [[5], [3, 3, 3], [6, 2], [2, 3, 4]] {
                    let pair = PreconditionerPair(mixed, Settings { $0.policies.beta = .zero }) {
                        $0.split = split
                        $0.lossReduction = reduction
                    }
                    pair.preconditioner.measuresNoise = measuresNoise
                    pair.check([sizes, sizes], dtype: .float64, "\(split), noise \(measuresNoise), \(sizes)")
                    let isMeasured = pair.preconditioner.diagnostics?.gradientNoiseScale != nil
                    XCTAssertFalse(isMeasured && !measuresNoise)
                    measured += isMeasured ? 1 : 0
                }
            }
        }
        XCTAssertGreaterThan(measured, 0)
    }

    func testASumOfLossesGivesTheSameStepAsTheirMean() {
        for sizes in [[5], [3, 5]] {
            PreconditionerPair(mixed) { $0.lossReduction = .sum }.check([sizes, sizes], dtype: .float64)
        }
    }

    /// Calls of a layer in one pass are more positions of the same weight.
    func testALayerCalledTwiceInOnePass() {
        for layer in LayerCase.all where !layer.name.hasPrefix("batch norm") {
            for sharing in [ReferenceSharing.expand, .reduce] {
                let settings = Settings {
                    $0.damping = 0.1
                    $0.sharing = sharing
                }
                let pair = PreconditionerPair([layer], settings)
                for step in 0..<2 {
                    let first = layer.draw(5, seed: 20 + UInt64(step), dtype: .float64)
                    let second = layer.draw(5, seed: 30 + UInt64(step), dtype: .float64)
                    pair.preconditioner.beginMicroBatch()
                    // The backward pass comes to the last call first.
                    pair.preconditioner.record(second.record, block: 0)
                    pair.preconditioner.record(first.record, block: 0)
                    pair.compare(
                        [[zip(first.examples, second.examples).map { $0.again($1) }]],
                        "\(layer.name), \(sharing), step \(step)")
                }
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
            for dtype in types {
                PreconditionerPair(mixed, settings).check([[6], [5], [6], [4], [6]], dtype: dtype, "settings \(index)")
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
                    let title = "\(beta), \(eta), damped: \(isDamped)"
                    PreconditionerPair(mixed, settings).check([[6], [7]], dtype: .float64, title)
                    PreconditionerPair(mixed, settings).check([[6]], dtype: .float32, title)
                }
            }
        }
    }

    func testTrustRegion() {
        for kappa in [1e-6, 1e-3, 1e3] {
            for dtype in types {
                PreconditionerPair(mixed, Settings { $0.klClip = kappa }).check(
                    [[6], [7]], dtype: dtype, "kappa \(kappa)")
            }
        }
    }

    /// A correction that turns the step uphill must not make the trust region a root of a negative number.
    func testTrustRegionOfAStepThatLeadsUphill() {
        for value in [-30.0, 30] {
            let settings = Settings {
                $0.policies.beta = .fixed(value)
                $0.policies.eta = .off
                $0.klClip = 1e-2
            }
            let pair = PreconditionerPair([LayerCase.linear[0]], settings)
            var uphill = 0
            for seed in 0..<8 {
                pair.record([6], seed: UInt64(seed), dtype: .float32)
                let (directions, isFinite) = pair.preconditioner.directions(learningRate: 0.1)
                XCTAssertTrue(isFinite.item(as: Bool.self))
                for direction in directions[0]! { XCTAssertTrue(direction.isFinite().all().item(as: Bool.self)) }
                uphill += pair.preconditioner.lastScalars[0]!.gain.item(as: Double.self) < 0 ? 1 : 0
            }
            XCTAssertGreaterThan(uphill, 0, "no step led uphill")
        }
    }

    /// Factors of three of eight examples: every second one, and no more.
    func testFactorsFromAPartOfTheBatch() {
        for layer in [mixed[0], mixed[1], mixed[2], mixed[5]] {
            let pair = PreconditionerPair([layer]) { $0.factorExamples = .atMost(3) }
            let examples = pair.record([8], seed: 2, dtype: .float64)[0][0]
            let directions = pair.preconditioner.directions(learningRate: 1).directions
            let (first, second) = halves([examples])
            let block = layer.reference(.expand)
            let factors = block.statistics([examples[0], examples[2], examples[4]])
            let step = ReferenceStep(
                meanGradient(first), meanGradient(second), fisher: block.fisher(factors),
                damped: block.damped(factors, pair.preconditioner.currentDamping))
            assertReference(pair.preconditioner.blocks[0].pack(directions[0]!), step.direction, layer.name)
        }
    }

    /// The decision whether factors are due is one for the whole step, also when micro-batches are small.
    func testAutomaticIntervalsWithMicroBatches() {
        let layer = LayerCase.linear[0]
        let preconditioner = PreconditionerPair([layer]) {
            $0.factorInterval = .automatic
            $0.inverseInterval = .automatic
        }.preconditioner
        var seed: UInt64 = 0
        func inputFactor(afterSteps steps: Int) -> Tensor {
            for _ in 0..<steps {
                for _ in 0..<4 {
                    preconditioner.beginMicroBatch()
                    preconditioner.record(layer.draw(1000, seed: seed, dtype: .float32, total: 4000).record, block: 0)
                    seed += 1
                }
                _ = preconditioner.directions(learningRate: 1)
            }
            return preconditioner.blocks[0].state["input_factor"]!.cloned()
        }
        // At steps 0, 1, 2, 4, 8, then with 25,600 / 4,000 examples every 6 steps.
        let first = inputFactor(afterSteps: 9)
        assertIdentical(inputFactor(afterSteps: 5), first, "factors before they are due")
        XCTAssertFalse(inputFactor(afterSteps: 1).isEqual(to: first), "factors were due")
    }

    /// A block that nothing passed through gets no direction and keeps its state.
    func testALayerThatIsNotUsedInAStep() {
        let layers = Array(LayerCase.linear.prefix(2))
        let preconditioner = PreconditionerPair(layers).preconditioner
        let reference = PreconditionerPair([layers[0]]).reference
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
        let pair = PreconditionerPair(mixed)
        pair.record([4, 4], seed: 1, dtype: .float64)
        pair.preconditioner.discard()
        XCTAssertFalse(pair.preconditioner.hasGathered)
        let examples = pair.record([6], seed: 50, dtype: .float64)
        XCTAssertTrue(pair.preconditioner.hasGathered)
        pair.compare(examples, "after discard")
        XCTAssertFalse(pair.preconditioner.hasGathered)
    }
}
