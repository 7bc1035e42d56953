/// What was asked for, option by option; nil where nothing was. ``settings(over:checkpoint:)`` fills in the rest.
///
/// Options that are a word or a number are texts here, so that all mistakes are reported at once.
public struct TrainingRequest: Equatable, Sendable {
    public var model: String?
    public var dataset: String?
    public var dataDirectory: String?
    public var examples: Int?
    /// `crop`, `flip`, both with a comma, or `none`.
    public var augment: String?
    public var optimizer: String?
    public var learningRate: Double?
    public var momentum: Double?
    public var weightDecay: Double?
    public var schedule: String?
    public var warmup: Double?
    public var decayEpochs: Int?
    public var decayFactor: Double?
    public var damping: Double?
    /// A number or `none`.
    public var klClip: String?
    /// A number or `auto`.
    public var factorInterval: String?
    /// A number or `auto`.
    public var inverseInterval: String?
    public var emaDecay: Double?
    /// `paper`, `zero` or a number.
    public var beta: String?
    public var batchSize: Int?
    public var epochs: Int?
    /// A fraction, a percentage or `none`.
    public var target: String?
    public var labelSmoothing: Double?
    public var seed: UInt64?
    public var device: String?
    public var threads: Int?
    public var checkpointEvery: Int?

    /// Nothing asked for: the defaults.
    public init() {}

    /// Complete settings: what was asked for, and otherwise what a checkpoint says, and otherwise the defaults.
    /// - Parameters:
    ///   - saved: the settings of the checkpoint that is resumed; nil for a fresh run.
    ///   - checkpoint: the checkpoint's path, for errors.
    /// - Throws: ``TrainingError/invalidSettings(_:)`` with all that is wrong;
    ///   ``TrainingError/checkpointDiffers(path:differences:)`` with all that was asked for and would make it another
    ///   run.
    public func settings(
        over saved: TrainingSettings? = nil, checkpoint: String = ""
    ) throws -> TrainingSettings {
        var reader = RequestReader(base: saved ?? TrainingSettings(), isFresh: saved == nil)
        reader.read(self)
        let problems = reader.problems.all + reader.settings.problems
        guard problems.isEmpty else { throw TrainingError.invalidSettings(problems) }
        if let saved {
            let differences = reader.settings.differences(from: saved)
            guard differences.isEmpty else {
                throw TrainingError.checkpointDiffers(path: checkpoint, differences: differences)
            }
        }
        return reader.settings
    }
}
