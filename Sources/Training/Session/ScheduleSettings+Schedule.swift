import FOP

extension ScheduleSettings {
    /// What the learning rate is multiplied with in each step of a run. The course begins after the warm-up and ends
    /// with the last epoch.
    /// - Throws: ``TorchCore/TorchError/invalidValue(_:)``.
    public func schedule(stepsPerEpoch: Int, epochs: Int) throws -> Schedule {
        let warmup = Int((self.warmup * Double(stepsPerEpoch)).rounded())
        let rest = max(1, epochs * stepsPerEpoch - warmup)
        let course: Schedule =
            switch shape {
            case .constant: .constant()
            case .cosine: try .cosine(over: rest)
            case .linear: try .polynomial(over: rest)
            case .step:
                try .step(every: (decayEpochs ?? max(1, (epochs + 2) / 3)) * stepsPerEpoch, factor: decayFactor)
            }
        return try course.warmedUp(over: warmup)
    }
}
