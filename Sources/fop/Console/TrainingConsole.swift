import Training

/// What a run shows while it goes on: a line that moves on a terminal, and otherwise a line now and then; a row per
/// epoch.
final class TrainingConsole {
    private let terminal: Terminal
    private let epochs: Int
    private var lastDrawn: ContinuousClock.Instant?
    private var hasHeader = false

    /// - Parameter epochs: at most.
    init(_ terminal: Terminal, epochs: Int) {
        self.terminal = terminal
        self.epochs = epochs
    }

    func show(_ event: TrainingEvent) {
        switch event {
        case .step(let step):
            // At most ten times a second on a terminal; elsewhere only where an epoch takes long.
            guard isDue(after: terminal.isInteractive ? .milliseconds(100) : .seconds(15)) else { return }
            if terminal.isInteractive {
                terminal.draw(ProgressLine.text(step, width: terminal.width))
            } else {
                terminal.print(ProgressLine.text(step, width: nil))
            }
        case .diagnostics(let record):
            for line in DiagnosticsTable.lines(record) { terminal.print(line) }
            // The rows that follow need their titles again.
            hasHeader = false
        case .evaluating(let epoch):
            terminal.draw(ProgressLine.evaluating(epoch: epoch, epochs: epochs, width: terminal.width))
        case .epoch(let record, _):
            if !hasHeader { terminal.print(EpochTable.header) }
            hasHeader = true
            terminal.print(EpochTable.row(record))
        }
    }

    private func isDue(after interval: Duration) -> Bool {
        let now = ContinuousClock.now
        guard let last = lastDrawn else {
            lastDrawn = now
            return terminal.isInteractive
        }
        guard last.duration(to: now) >= interval else { return false }
        lastDrawn = now
        return true
    }
}
