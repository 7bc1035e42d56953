extension TrainingSettings {
    /// What differs and would make a resumed run another run, as sentences. Not looked at is what can change: epochs
    /// (schedules stretch to the new number), target, where the data is, device, threads, how often checkpoints are
    /// made and diagnostics shown.
    func differences(from saved: TrainingSettings) -> [String] {
        // Another optimizer has other numbers: they follow from it.
        let isOtherOptimizer = optimizer.kind != saved.optimizer.kind
        let compared = Setting.all.filter { !$0.canChange && !(isOtherOptimizer && $0.followsOptimizer) }
        return compared.compactMap { setting in
            func text(_ settings: TrainingSettings) -> String? {
                setting.objection(settings) == nil ? setting.write(settings) : nil
            }
            let (own, other) = (text(self), text(saved))
            guard own != other else { return nil }
            return "\(setting.option) is \(own ?? "not set"), the checkpoint's is \(other ?? "not set")"
        }
    }

    /// The options that have another value than they would have by themselves, with their values.
    /// - Parameter options: those that are not of interest.
    public func special(without options: Set<String>) -> [(option: String, value: String)] {
        var standard = TrainingSettings()
        standard.optimizer = optimizer.kind.defaults
        return Setting.all.compactMap { setting in
            guard !options.contains(setting.option), setting.objection(self) == nil else { return nil }
            let value = setting.write(self)
            return setting.write(standard) == value ? nil : (setting.option, value)
        }
    }

    /// The value of an option as a text, such as `0.01` of `--damping`; nil for one that has no meaning with these
    /// settings or does not exist.
    public func value(of option: String) -> String? {
        Setting.all.first { $0.option == option && $0.objection(self) == nil }?.write(self)
    }
}
