import Glibc

extension ScheduleSettings {
    /// What the learning rate is multiplied with in a step, from 0 over the whole run.
    public func factor(step: Int, stepsPerEpoch: Int, epochs: Int) -> Double {
        let total = Double(epochs * stepsPerEpoch)
        let warmup = (self.warmup * Double(stepsPerEpoch)).rounded()
        let step = Double(step)
        if step < warmup { return (step + 1) / (warmup + 1) }
        let share = min((step - warmup) / max(total - warmup, 1), 1)
        switch shape {
        case .constant: return 1
        case .cosine: return (1 + cos(Double.pi * share)) / 2
        case .linear: return 1 - share
        case .step:
            let interval = decayEpochs ?? max(1, (epochs + 2) / 3)
            return pow(decayFactor, (step / Double(interval * stepsPerEpoch)).rounded(.down))
        }
    }
}
