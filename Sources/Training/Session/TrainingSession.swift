import Datasets
import FOP
import Torch

/// What a run works on: data, model, optimizer and schedule, as the settings say.
public final class TrainingSession {
    /// What was asked for. The data's folder is where it was found.
    public let settings: TrainingSettings
    /// Where the model is.
    public let device: Device
    /// The network.
    public let model: any Layer
    /// What trains it.
    public let optimizer: any Optimizer
    /// The moving average of the weights, where there is to be one.
    public let average: ExponentialMovingAverage?
    /// What finds the loss scale, in float16.
    public let scaler: LossScaler?
    /// The training images.
    public let train: DataLoader
    /// The test images.
    public let test: DataLoader
    /// What the learning rate is multiplied with in each step, from 0 over the whole run; without a plateau's decays.
    public let schedule: Schedule

    /// Loads the data and makes the rest. Sets the number of threads, and seeds ``Torch/Generator/default``.
    /// - Throws: ``TrainingError``, ``Datasets/DatasetError``, ``TorchCore/TorchError/deviceUnavailable(_:)``.
    public init(_ settings: TrainingSettings) throws {
        try TorchRuntime.setThreadCount(settings.threads)
        Generator.default.seed(settings.seed)
        device = try Device(settings.device).validated()
        var settings = settings
        let (train, test) = try settings.loadData()
        try settings.check(against: train)
        let channelsLast = settings.prefersChannelsLast
        self.train = try DataLoader(
            training: train, batchSize: settings.batchSize, seed: settings.seed,
            augmentation: settings.augmentation.augmentation(for: train, seed: settings.seed), channelsLast: channelsLast)
        self.test = try DataLoader(
            evaluating: test, batchSize: min(max(settings.batchSize, 256), 2048), channelsLast: channelsLast)
        model = try settings.makeModel(for: train, probing: self.train, device: device)
        optimizer = try settings.makeOptimizer(for: model, steps: settings.epochs * self.train.batchCount)
        average = try settings.weightAverage.map { [model] in try ExponentialMovingAverage(model, decay: $0) }
        scaler = settings.precision == .float16 ? try LossScaler(optimizer) : nil
        schedule = try settings.schedule.schedule(stepsPerEpoch: self.train.batchCount, epochs: settings.epochs)
        self.settings = settings
        (optimizer as? FOP)?.measuresGradientNoise = settings.diagnostics != nil
    }

    /// The learning rate of a step, from 0 over the whole run.
    /// - Parameter history: the epochs before it.
    /// - Throws: ``TorchCore/TorchError/invalidValue(_:)``.
    public func learningRate(step: Int, after history: [EpochRecord]) throws -> Double {
        try settings.schedule.learningRate(settings.scaledLearningRate, after: history) * schedule(step)
    }

    /// Runs `body` with the weights that are evaluated and kept: the averaged ones, where there are any.
    func withWeightsInUse<Result>(_ body: () throws -> Result) rethrows -> Result {
        guard let average, average.updateCount > 0 else { return try body() }
        return try average.withAveragedWeights(body)
    }
}
