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
    /// In how many parts, one after the other, a step's images go through the model.
    public var microBatches = 1
    /// How many images go through the network at once; nil for all of a micro-batch.
    public var sliceSize: Int?
    /// How many epochs are trained at most. Schedules end with the last.
    public var epochs = 30
    /// The test accuracy, as a fraction, at which training stops; nil trains all epochs.
    public var target: Double?
    /// The share of the target distribution that is spread over all classes.
    public var labelSmoothing = 0.0
    /// What the moving average of the weights keeps at a step; nil for none. Evaluated and saved are the averages.
    public var weightAverage: Double?
    /// The type that products of the forward pass are computed in.
    public var precision = Precision.float32
    /// The largest Euclidean norm of a step's gradients; nil for any.
    public var clipNorm: Double?
    /// After so many steps in a row that are not finite the run ends.
    public var maximumSkippedSteps = 20
    /// What weights, order, augmentation and dropout are drawn from.
    public var seed: UInt64 = 0
    /// In torch's notation.
    public var device = "cpu"
    /// How many threads operators use on the CPU. Results depend on it.
    public var threads = TorchRuntime.threadCount
    /// How many epochs lie between checkpoints.
    public var checkpointEvery = 1
    /// Every how many steps the optimizer's findings are read, 0 for once an epoch; nil for never.
    public var diagnostics: Int?

    public init() {}

    /// The learning rate for this batch size.
    public var scaledLearningRate: Double { optimizer.learningRate * optimizer.batchScale(batchSize) }

    /// What is out of range or contradicts itself: one sentence for each option.
    public var problems: [String] {
        var problems = Problems()
        for setting in Setting.all where setting.objection(self) == nil {
            if let problem = setting.problem(self) { problems.add(problem) }
        }
        do { _ = try Device(device) } catch { problems.add("--device: \(error)") }
        problems.require(
            microBatches <= max(batchSize, 1), "--micro-batches", microBatches,
            "a whole number from 1 to --batch-size (\(batchSize))")
        schedule.checkTogether(&problems, epochs: epochs)
        optimizer.curvature?.checkTogether(&problems, kind: optimizer.kind)
        return problems.all
    }
}

/// The type that products of the forward pass are computed in. Weights, statistics of normalisations and losses stay in
/// float32, as do the factors.
public enum Precision: String, CaseIterable, Codable, Sendable {
    case float32, bfloat16
    /// With a loss scale that is found on the way.
    case float16
}
