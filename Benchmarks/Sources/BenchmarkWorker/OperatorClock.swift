import Torch

/// Times the operators that Swift calls. What autograd calls by itself in a backward pass is not among them.
enum OperatorClock {
    /// What a step does, one after the other.
    enum Phase: String, CaseIterable {
        case forward, backward, update
    }

    struct Entry {
        var milliseconds = 0.0
        var calls = 0
    }

    // Operators of a training step are called from one thread.
    nonisolated(unsafe) private static var phase: Phase?
    nonisolated(unsafe) private static var entries: [Phase: [String: Entry]] = [:]
    nonisolated(unsafe) private static var walls: [Phase: Double] = [:]

    /// Puts the clock before the gate that is in use.
    static func install() {
        OperatorGate.current = OperatorGate(
            call: { name, overload, stack, arguments, results, slot in
                guard let phase = OperatorClock.phase, let name else {
                    return OperatorGate.fast.call(name, overload, stack, arguments, results, slot)
                }
                let start = ContinuousClock.now
                let status = OperatorGate.fast.call(name, overload, stack, arguments, results, slot)
                let elapsed = start.duration(to: .now).milliseconds
                OperatorClock.entries[phase, default: [:]][String(cString: name), default: Entry()].add(elapsed)
                return status
            },
            lastError: OperatorGate.fast.lastError, borrowsTensors: true, takesNumbers: true)
    }

    /// Runs a part of a step under the clock.
    static func time<Result>(_ phase: Phase, _ body: () throws -> Result) rethrows -> Result {
        self.phase = phase
        let start = ContinuousClock.now
        defer {
            walls[phase, default: 0] += start.duration(to: .now).milliseconds
            self.phase = nil
        }
        return try body()
    }

    /// Milliseconds that a phase took, and the operators called in it.
    static func read(_ phase: Phase) -> (wall: Double, operators: [String: Entry]) {
        (walls[phase] ?? 0, entries[phase] ?? [:])
    }
}

extension OperatorClock.Entry {
    mutating func add(_ elapsed: Double) {
        milliseconds += elapsed
        calls += 1
    }
}
