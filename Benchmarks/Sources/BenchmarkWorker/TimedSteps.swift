/// The times and losses of steps.
struct TimedSteps {
    /// Milliseconds of the timed steps.
    private(set) var milliseconds: [Double] = []
    /// Which of them updated curvature and inverses.
    private(set) var isCurvatureStep: [Bool] = []
    /// The losses of all steps, warm-up included.
    private(set) var losses: [Double] = []

    /// Takes a step that returns its loss.
    mutating func time(isWarmUp: Bool, isCurvatureStep: Bool, _ step: () throws -> Double) rethrows {
        let start = ContinuousClock.now
        let loss = try step()
        let elapsed = start.duration(to: .now)
        losses.append(loss)
        guard !isWarmUp else { return }
        milliseconds.append(elapsed.milliseconds)
        self.isCurvatureStep.append(isCurvatureStep)
    }
}

extension Duration {
    var milliseconds: Double { Double(components.seconds) * 1e3 + Double(components.attoseconds) * 1e-15 }
}
