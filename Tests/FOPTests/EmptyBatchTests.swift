import DenseComparison
import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// Batches without any example, of one, and of an odd number.
final class EmptyBatchTests: SmallTensorTestCase {
    private final class Net: Module, Layer {
        let first: Conv2d
        let norm: any Layer
        let scale = Parameter(Tensor.full([4, 1, 1], 0.5))
        let last: Linear

        init(batchNorm: Bool, dtype: DType = .float32) {
            let generator = Generator(seed: 1)
            first = Conv2d(1, 4, kernel: 3, stride: 2, padding: 1, bias: false, generator: generator)
            norm = batchNorm ? BatchNorm(4) : GroupNorm(groups: 2, channels: 4)
            last = Linear(4 * 9, 3, generator: generator)
            super.init()
            to(dtype)
        }

        func callAsFunction(_ input: Tensor) -> Tensor {
            last((norm(first(input)) * scale.value).relu().flattened(from: 1, to: -1))
        }

        var values: [Tensor] {
            (parameters.map(\.value) + namedBuffers.map(\.buffer.value)).map { $0.detached().cloned() }
        }
    }

    private static func fop(_ change: @escaping @Sendable (inout FOPOptions) -> Void = { _ in }) -> MakeOptimizer {
        { model in
            var options = FOPOptions()
            options.curvature.factorInterval = .every(2)
            options.curvature.inverseInterval = .every(2)
            change(&options)
            return try FOP(model, learningRate: 0.05, options: options)
        }
    }

    private static let fops: [String: MakeOptimizer] = [
        "FOP": fop(), "EKFAC": fop { $0.curvature.block = .ekfac }, "diagonal": fop { $0.curvature.block = .diagonal },
        "split": fop { $0.curvature.maximumFactorSize = 4 }, "reduce": fop { $0.curvature.weightSharing = .reduce },
        "K-FAC": fop { $0.curvature.beta = .zero }, "by example": fop { $0.curvature.split = .example },
        "three": fop { $0.curvature.subBatches = 3 }, "AdamW for the rest": fop { $0.fallback.rule = .adamW() },
        "no blocks": fop { $0.curvature.block = .fallback },
    ]

    private let sampled = fop { $0.curvature.fisher = .monteCarlo() }

    private func gather(
        _ model: Net, _ optimizer: any Optimizer, _ count: Int, seed: UInt64, share: Double = 1
    ) throws {
        let batch = LabelledBatch(count, [1, 6, 6], classes: 3, seed: seed, dtype: model.last.weight.value.dtype)
        let output = model(batch.inputs)
        let loss = crossEntropy(output, batch.labels) * share
        if let optimizer = optimizer as? FOP, optimizer.options.curvature.fisher != .empirical {
            try optimizer.backward(loss, predictions: .categorical(logits: output))
        } else {
            try optimizer.backward(loss)
        }
    }

    private var all: [String: MakeOptimizer] {
        [OptimizerStateTests.optimizers, Self.fops, ["sampled": sampled]].reduce([:]) { all, some in
            all.merging(some) { first, _ in first }
        }
    }

    /// A step of nothing is left out and counted, and the run goes on as if it had not been: at the start as well.
    func testAnEmptyBatchIsSkipped() throws {
        for (name, make) in all {
            for batchNorm in [true, false] {
                for place in [0, 2] {
                    let title = "\(name), batch norm \(batchNorm), before step \(place)"
                    let models = [Net(batchNorm: batchNorm), Net(batchNorm: batchNorm)]
                    let pair = try models.map(make)
                    for seed in 0..<4 {
                        if seed == place {
                            let (values, count) = (models[0].values, pair[0].stepCount)
                            try gather(models[0], pair[0], 0, seed: 9)
                            XCTAssertEqual(try pair[0].step(), .skipped, title)
                            assertIdentical(models[0].values, values, title)
                            XCTAssertEqual(pair[0].stepCount, count, title)
                            XCTAssertEqual(pair[0].skippedStepCount, 1, title)
                        }
                        for (model, optimizer) in zip(models, pair) {
                            Generator.default.seed(UInt64(seed))
                            try gather(model, optimizer, 5, seed: UInt64(seed))
                            XCTAssertEqual(try optimizer.step(), .applied, title)
                        }
                    }
                    assertIdentical(models[0].values, models[1].values, title)
                    var state = pair[0].state
                    state["skipped_step_count"] = Tensor(0)
                    assertIdentical(state, pair[1].state, title)
                }
            }
        }
    }

    /// FOP sees that a micro-batch has no examples: it contributes nothing, wherever it is among the others.
    func testAnEmptyMicroBatchContributesNothing() throws {
        for (name, make) in Self.fops where name != "no blocks" {
            for batchNorm in [true, false] {
                for sizes in [[0, 4], [4, 0], [4, 0, 3], [0, 0, 4, 3], [4, 3, 0]] {
                    let title = "\(name), batch norm \(batchNorm), \(sizes)"
                    let models = [Net(batchNorm: batchNorm), Net(batchNorm: batchNorm)]
                    let pair = try models.map(make)
                    for step in 0..<3 {
                        for (which, (model, optimizer)) in zip(models, pair).enumerated() {
                            for (place, size) in sizes.enumerated() where size > 0 || which == 0 {
                                let share = size > 0 ? Double(size) / Double(sizes.reduce(0, +)) : 1
                                try gather(model, optimizer, size, seed: UInt64(10 * step + place), share: share)
                            }
                            XCTAssertEqual(try optimizer.step(), .applied, title)
                        }
                    }
                    assertIdentical(models[0].values, models[1].values, title)
                    assertIdentical(pair[0].state, pair[1].state, title)
                }
            }
        }
    }

    /// The others know nothing of batches: an empty one's mean loss is not a number, and the step is left out; its sum
    /// is zero, and contributes nothing.
    func testOtherOptimizersGoByTheLoss() throws {
        for (name, make) in OptimizerStateTests.optimizers {
            let models = [Net(batchNorm: true), Net(batchNorm: true)]
            let pair = try models.map(make)
            let values = models[0].values
            try gather(models[0], pair[0], 4, seed: 1)
            try gather(models[0], pair[0], 0, seed: 2)
            XCTAssertEqual(try pair[0].step(), .skipped, name)
            assertIdentical(models[0].values, values, name)
            for (model, optimizer) in zip(models, pair) {
                for size in [4, 0] where size > 0 || optimizer === pair[0] {
                    let batch = LabelledBatch(size, [1, 6, 6], classes: 3, seed: 3, dtype: .float32)
                    try optimizer.backward(crossEntropy(model(batch.inputs), batch.labels, reduction: .sum))
                }
                XCTAssertEqual(try optimizer.step(), .applied, name)
            }
            assertIdentical(models[0].values, models[1].values, name)
        }
    }

    func testClippingAndDiscardingAnEmptyBatch() throws {
        for (name, make) in all {
            let model = Net(batchNorm: true)
            let optimizer = try make(model)
            let values = model.values
            try gather(model, optimizer, 0, seed: 1)
            if let optimizer = optimizer as? any GradientClipping { try optimizer.clipGradientNorm(maximum: 1) }
            XCTAssertEqual(try optimizer.step(), .skipped, name)
            try gather(model, optimizer, 0, seed: 1)
            optimizer.discardGradients()
            assertThrowsTorchError(try optimizer.step()) { assertContains("\($0)", "step() without backward") }
            assertIdentical(model.values, values, name)
        }
    }

    /// Batches of one example and of odd numbers: finite steps that change every parameter. SOAP's first one only
    /// looks.
    func testOneExampleAndOddNumbers() throws {
        for (name, make) in all {
            for (count, batchNorm) in [(1, true), (1, false), (3, true), (7, false)] {
                let model = Net(batchNorm: batchNorm)
                let optimizer = try make(model)
                for seed in 0..<3 {
                    let before = model.values
                    try gather(model, optimizer, count, seed: UInt64(seed))
                    XCTAssertEqual(try optimizer.step(), .applied, "\(name), \(count)")
                    if name == "SOAP", seed == 0 { continue }
                    for ((parameter, value), old) in zip(model.namedParameters, before) {
                        let title = "\(name), \(count), \(parameter)"
                        XCTAssertTrue(value.value.isFinite().all().item(as: Bool.self), title)
                        XCTAssertFalse(value.value.detached().isEqual(to: old), title)
                    }
                }
            }
        }
    }
}
