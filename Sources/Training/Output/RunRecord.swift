import Torch

/// What `run.json` says: enough to repeat the run, and how it went.
public struct RunRecord: Codable, Equatable, Sendable {
    /// How the run stands.
    public enum Status: String, Codable, Sendable {
        case running, finished, stopped, failed
    }

    /// How the run stands. One that is `running` long after ``updated`` was killed.
    public var status = Status.running
    /// Why it failed.
    public var failure: String?
    /// When this part of the run started, and when this record was written.
    public var started, updated: String
    /// The command's words.
    public var command: [String]
    /// The versions of this package and of LibTorch.
    public var fop, libtorch: String
    /// The processor's name; results can differ between processors in the last bits.
    public var processor: String
    /// Everything that was set.
    public var settings: TrainingSettings
    /// How many numbers training changes.
    public var parameters: Int
    /// How many images there are.
    public var trainingImages, testImages: Int
    /// Epochs that are complete, and seconds with and without evaluation and checkpoints.
    public var epochs = 0
    public var trainingSeconds = 0.0
    public var totalSeconds = 0.0
    /// How many steps changed nothing.
    public var skippedSteps = 0
    /// The last and the best epoch, and the first at the target.
    public var last, best, target: EpochRecord?

    init(_ session: TrainingSession, command: [String]) {
        started = TimeText.stamp()
        updated = started
        self.command = command
        fop = FOPVersion.current
        libtorch = TorchRuntime.version
        processor = SystemReport.processor
        settings = session.settings
        parameters = session.model.parameterCount
        trainingImages = session.train.dataset.count
        testImages = session.test.dataset.count
    }

    /// Writes it with how far the run is.
    /// - Throws: ``TrainingError/writeFailed(path:reason:)``.
    mutating func write(_ status: Status, _ progress: TrainingProgress, failure: String? = nil, to path: String) throws {
        self.status = status
        self.failure = failure
        updated = TimeText.stamp()
        epochs = progress.epoch
        trainingSeconds = progress.trainingSeconds
        totalSeconds = progress.totalSeconds
        skippedSteps = progress.skippedInAll
        last = progress.history.last
        best = progress.best
        target = progress.reached(settings.target)
        try OutputFile.replace(path, with: try JSONText.encode(self, indented: true) + "\n")
    }
}
