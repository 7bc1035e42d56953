/// One option of a run: where its value is kept, how it is read, and when it has a meaning.
///
/// ``Setting/all`` is the one list of them: what is asked for, what is checked, what a resumed run compares, and what
/// is shown all follow from it.
struct Setting {
    /// As on the command line: `--damping`.
    let option: String
    /// When it has a meaning: all of these must hold.
    let scopes: [SettingScope]
    /// Whether its value follows from the optimizer where nothing else is asked for.
    let followsOptimizer: Bool
    /// Whether a resumed run can have another value.
    let canChange: Bool
    /// Puts a text's value into settings; returns what is wrong with a text that has none.
    let read: (String, inout TrainingSettings) -> String?
    /// The value as a text.
    let write: (TrainingSettings) -> String
    /// What is wrong with the value.
    let problem: (TrainingSettings) -> String?

    init<Value>(
        _ option: String, _ path: WritableKeyPath<TrainingSettings, Value>, _ format: SettingFormat<Value>,
        for scopes: SettingScope..., followsOptimizer: Bool = false, canChange: Bool = false
    ) {
        self.option = option
        self.scopes = scopes
        self.followsOptimizer = followsOptimizer || scopes.contains { $0.option == SettingScope.optimizerOption }
        self.canChange = canChange
        read = { text, settings in
            guard let value = format.read(text) else { return Problems.sentence(option, text, format.legal) }
            settings[keyPath: path] = value
            return nil
        }
        write = { format.write($0[keyPath: path]) }
        problem = { settings in
            let value = settings[keyPath: path]
            return format.isLegal(value) ? nil : Problems.sentence(option, format.write(value), format.legal)
        }
    }

    /// Why it has no meaning with these settings; nil where it has one.
    func objection(_ settings: TrainingSettings) -> String? {
        guard let scope = scopes.first(where: { !$0.holds(for: settings) }) else { return nil }
        return "\(option) is for \(scope.option) \(choices(scope.words)), not for \(scope.word(settings)): leave it out"
    }
}

/// What another option must be for an option to have a meaning.
struct SettingScope {
    static let optimizerOption = "--optimizer"

    /// The other option.
    let option: String
    /// Which of its words.
    let words: [String]
    /// Its word.
    let word: (TrainingSettings) -> String

    func holds(for settings: TrainingSettings) -> Bool { words.contains(word(settings)) }

    static func optimizers(_ kinds: OptimizerKind...) -> SettingScope {
        SettingScope(option: optimizerOption, words: kinds.map(\.rawValue)) { $0.optimizer.kind.rawValue }
    }

    static var curvature: SettingScope { optimizers(.fop, .kfac) }

    static func schedules(_ shapes: ScheduleSettings.Shape...) -> SettingScope {
        SettingScope(option: "--schedule", words: shapes.map(\.rawValue)) { $0.schedule.shape.rawValue }
    }

    static func dampingPolicy(_ policy: DampingRule) -> SettingScope {
        SettingScope(option: "--damping-policy", words: [policy.rawValue]) {
            $0.optimizer.curvature?.dampingPolicy.rawValue ?? ""
        }
    }

    static var monteCarlo: SettingScope {
        SettingScope(option: "--fisher", words: [FisherChoice.monteCarlo.rawValue]) {
            $0.optimizer.curvature?.fisher.rawValue ?? ""
        }
    }
}
