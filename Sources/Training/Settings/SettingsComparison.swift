extension TrainingSettings {
    /// What differs and would make a resumed run another run, as sentences. Not looked at, because they can change:
    /// epochs (schedules stretch to the new number), target, where the data is, device, threads and how often
    /// checkpoints are made.
    func differences(from saved: TrainingSettings) -> [String] {
        func values(_ settings: TrainingSettings) -> [(option: String, value: String)] {
            let optimizer = settings.optimizer
            let curvature = optimizer.curvature ?? CurvatureSettings(for: optimizer.kind)
            func text<Value>(_ value: Value?, _ none: String) -> String { value.map { "\($0)" } ?? none }
            return [
                ("--model", settings.model),
                ("--dataset", settings.dataset),
                ("--examples", text(settings.examples, "all")),
                ("--augment", "\(settings.augmentation)"),
                ("--optimizer", optimizer.kind.rawValue),
                ("--learning-rate", "\(optimizer.learningRate)"),
                ("--momentum", "\(optimizer.momentum)"),
                ("--weight-decay", "\(optimizer.weightDecay)"),
                ("--damping", "\(curvature.damping)"),
                ("--kl-clip", text(curvature.klClip, "none")),
                ("--factor-interval", text(curvature.factorInterval, "auto")),
                ("--inverse-interval", text(curvature.inverseInterval, "auto")),
                ("--ema-decay", "\(curvature.emaDecay)"),
                ("--beta", text(curvature.beta, "paper")),
                ("--schedule", settings.schedule.shape.rawValue),
                ("--warmup", "\(settings.schedule.warmup)"),
                ("--decay-epochs", text(settings.schedule.decayEpochs, "a third of all")),
                ("--decay-factor", "\(settings.schedule.decayFactor)"),
                ("--batch-size", "\(settings.batchSize)"),
                ("--label-smoothing", "\(settings.labelSmoothing)"),
                ("--seed", "\(settings.seed)"),
            ]
        }
        let all = zip(values(self), values(saved)).filter { $0.value != $1.value }
        // Another optimizer has other numbers: they follow from it.
        let differing = all.contains { $0.0.option == "--optimizer" } ? all.filter { $0.0.option.isIndependent } : all
        return differing.map { "\($0.option) is \($0.value), the checkpoint's is \($1.value)" }
    }
}

extension AugmentationSettings: CustomStringConvertible {
    /// As `--augment` takes it.
    public var description: String {
        let words = [crops ? "crop" : nil, flips ? "flip" : nil].compactMap(\.self)
        return words.isEmpty ? "none" : words.joined(separator: ",")
    }
}

extension String {
    /// Whether the option's value does not follow from the optimizer.
    fileprivate var isIndependent: Bool {
        ![
            "--learning-rate", "--momentum", "--weight-decay", "--damping", "--kl-clip", "--factor-interval",
            "--inverse-interval", "--ema-decay", "--beta",
        ].contains(self)
    }
}
