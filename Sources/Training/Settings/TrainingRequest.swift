/// What was asked for, by option, as texts; ``settings(over:checkpoint:)`` fills in the rest.
///
/// ```swift
/// var request = TrainingRequest()
/// request["--batch-size"] = "4096"
/// let settings = try request.settings()
/// ```
public struct TrainingRequest: Equatable, Sendable {
    private var texts: [String: String] = [:]

    /// Nothing asked for: the defaults.
    public init() {}

    /// The text that was given with an option; nil where nothing was.
    public subscript(_ option: String) -> String? {
        get { texts[option] }
        set { texts[option] = newValue }
    }

    /// The options that there are.
    public static var options: [String] { Setting.all.map(\.option) }

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
        var settings = saved ?? TrainingSettings()
        var problems = read(into: &settings)
        problems += settings.problems
        guard problems.isEmpty else { throw TrainingError.invalidSettings(problems) }
        if let saved {
            let differences = settings.differences(from: saved)
            guard differences.isEmpty else {
                throw TrainingError.checkpointDiffers(path: checkpoint, differences: differences)
            }
        }
        return settings
    }

    /// - Returns: what cannot be read.
    private func read(into settings: inout TrainingSettings) -> [String] {
        var unread = texts
        var problems: [String] = []
        for setting in Setting.all {
            guard let text = unread.removeValue(forKey: setting.option) else { continue }
            if let problem = setting.objection(settings) ?? setting.read(text, &settings) { problems.append(problem) }
        }
        return problems + unread.keys.sorted().map { "\($0) is not an option" }
    }
}
