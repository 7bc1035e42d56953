import FOP

extension ScheduleSettings {
    /// What the learning rate is multiplied with in each step of a run. The course begins after the warm-up and ends
    /// with the last epoch. A plateau's decays are not part of it: ``learningRate(_:after:)`` has them.
    /// - Throws: ``TorchCore/TorchError/invalidValue(_:)``.
    public func schedule(stepsPerEpoch: Int, epochs: Int) throws -> Schedule {
        let warmup = Int((self.warmup * Double(stepsPerEpoch)).rounded())
        let rest = max(1, epochs * stepsPerEpoch - warmup)
        let course: Schedule =
            switch shape {
            case .constant, .plateau: .constant()
            case .cosine: try .cosine(over: rest, to: finalShare)
            case .linear: try .linear(from: 1, to: finalShare, over: rest)
            case .step:
                try .step(every: (decayEpochs?.first ?? max(1, (epochs + 2) / 3)) * stepsPerEpoch, factor: decay)
            case .multiStep:
                try .multiStep(at: milestones(epochs: epochs).map { $0 * stepsPerEpoch }, factor: decay)
            case .exponential: try .step(every: stepsPerEpoch, factor: decay)
            case .oneCycle: try .oneCycle(over: rest, warmUpShare: cycleRise)
            }
        return try course.warmedUp(over: warmup)
    }

    private func milestones(epochs: Int) -> [Int] {
        decayEpochs ?? [max(1, epochs / 2), max(1, epochs * 3 / 4)]
    }

    /// The learning rate before the schedule's factor, after some epochs: less than `base` once `plateau` met one. It
    /// follows from the epochs alone, so that a resumed run needs nothing else.
    /// - Throws: ``TorchCore/TorchError/invalidValue(_:)``.
    public func learningRate(_ base: Double, after history: [EpochRecord]) throws -> Double {
        guard shape == .plateau else { return base }
        var plateau = try ReduceOnPlateau(
            plateauMetric == .testAccuracy ? .maximize : .minimize, factor: decay, patience: patience,
            minimum: base * finalShare)
        return history.reduce(base) { rate, record in plateau.next(rate, after: record.value(of: plateauMetric)) }
    }
}

extension EpochRecord {
    fileprivate func value(of metric: ScheduleSettings.Metric) -> Double {
        switch metric {
        case .testLoss: testLoss
        case .testAccuracy: testAccuracy
        case .trainLoss: trainLoss
        }
    }
}
