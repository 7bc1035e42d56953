import Datasets
import Models
import Torch

/// Everything that decides what a run computes and where. Checkpoints and `run.json` hold it.
public struct TrainingSettings: Codable, Equatable, Sendable {
    /// A name that ``Models/ModelRegistry`` knows.
    public var model = "resnet"
    /// A name that ``Datasets/DatasetKind`` knows.
    public var dataset = DatasetKind.fashionMNIST.rawValue
    /// The folder of the data; nil looks where the data set usually is.
    public var dataDirectory: String?
    /// How many training images are used, the first ones, and at most how many test images; nil for all.
    public var examples: Int?
    /// How training images are varied.
    public var augmentation = AugmentationSettings()
    /// The optimizer.
    public var optimizer = OptimizerKind.fop.defaults
    /// How the learning rate changes.
    public var schedule = ScheduleSettings()
    /// How many images make a step.
    public var batchSize = 2048
    /// How many epochs are trained at most. Schedules end with the last.
    public var epochs = 30
    /// The test accuracy, as a fraction, at which training stops; nil trains all epochs.
    public var target: Double?
    /// The share of the target distribution that is spread over all classes.
    public var labelSmoothing = 0.0
    /// What weights, order, augmentation and dropout are drawn from.
    public var seed: UInt64 = 0
    /// In torch's notation.
    public var device = "cpu"
    /// How many threads operators use on the CPU. Results depend on it.
    public var threads = TorchRuntime.threadCount
    /// How many epochs lie between checkpoints.
    public var checkpointEvery = 1

    public init() {}

    /// What is out of range or contradicts itself: one sentence for each option.
    public var problems: [String] {
        var problems = Problems()
        problems.require(
            ModelRegistry.standard.names.contains(model), "--model", model, choices(ModelRegistry.standard.names))
        problems.require(
            DatasetKind(rawValue: dataset) != nil, "--dataset", dataset, choices(DatasetKind.allCases.map(\.rawValue)))
        problems.require(examples.map { $0 >= 1 } ?? true, "--examples", examples, "a whole number of 1 or more")
        problems.require(batchSize >= 1, "--batch-size", batchSize, "a whole number from 1 to the number of training images")
        problems.require((1...1_000_000).contains(epochs), "--epochs", epochs, "a whole number from 1 to 1000000")
        problems.require(
            target.map { $0 > 0 && $0 <= 1 } ?? true, "--target", target,
            "a fraction above 0 and at most 1 such as 0.9, or a percentage such as 90%")
        problems.require(
            labelSmoothing >= 0 && labelSmoothing < 1, "--label-smoothing", labelSmoothing, "a number from 0 to below 1")
        problems.require(
            TorchRuntime.threadCounts.contains(threads), "--threads", threads,
            "a whole number from \(TorchRuntime.threadCounts.lowerBound) to \(TorchRuntime.threadCounts.upperBound)")
        problems.require(checkpointEvery >= 1, "--checkpoint-every", checkpointEvery, "a whole number of 1 or more")
        do { _ = try Device(device) } catch { problems.add("--device: \(error)") }
        optimizer.check(&problems)
        schedule.check(&problems, epochs: epochs)
        return problems.all
    }
}

extension OptimizerSettings {
    func check(_ problems: inout Problems) {
        problems.require(
            learningRate > 0 && learningRate.isFinite, "--learning-rate", learningRate, "a finite number above 0")
        problems.require(momentum >= 0 && momentum < 1, "--momentum", momentum, "a number from 0 to below 1")
        problems.require(
            weightDecay >= 0 && weightDecay.isFinite, "--weight-decay", weightDecay, "a finite number of 0 or more")
        curvature?.check(&problems)
    }
}

extension CurvatureSettings {
    func check(_ problems: inout Problems) {
        let interval = "a whole number of 1 or more, or auto"
        problems.require(damping > 0 && damping.isFinite, "--damping", damping, "a finite number above 0")
        problems.require(
            klClip.map { $0 > 0 && $0.isFinite } ?? true, "--kl-clip", klClip, "a finite number above 0, or none")
        problems.require(factorInterval.map { $0 >= 1 } ?? true, "--factor-interval", factorInterval, interval)
        problems.require(inverseInterval.map { $0 >= 1 } ?? true, "--inverse-interval", inverseInterval, interval)
        problems.require(emaDecay >= 0 && emaDecay < 1, "--ema-decay", emaDecay, "a number from 0 to below 1")
        problems.require(beta.map(\.isFinite) ?? true, "--beta", beta, "paper, zero or a finite number")
    }
}
