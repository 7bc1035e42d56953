import Glibc

/// The folder of a run, and what is called how in it.
public struct RunDirectory: Equatable, Sendable {
    /// Its path, without a slash at the end.
    public let path: String

    /// Everything a stopped run goes on from.
    public var checkpoint: String { "\(path)/\(Checkpoint.fileName)" }
    /// The weights of the epoch with the highest test accuracy.
    public var weights: String { "\(path)/model.safetensors" }
    /// A row per epoch.
    public var metricsCSV: String { "\(path)/metrics.csv" }
    /// A JSON object per epoch.
    public var metricsJSONLines: String { "\(path)/metrics.jsonl" }
    /// What the optimizer found, with diagnostics: a row per layer and step.
    public var diagnosticsCSV: String { "\(path)/diagnostics.csv" }
    /// The same, a JSON object per step.
    public var diagnosticsJSONLines: String { "\(path)/diagnostics.jsonl" }
    /// Settings, versions, and in the end the result.
    public var record: String { "\(path)/run.json" }
    /// What happened, with times.
    public var log: String { "\(path)/train.log" }

    /// Names a folder, which need not be there.
    public init(_ path: String) {
        let trimmed = String(path.reversed().drop { $0 == "/" }.reversed())
        self.path = trimmed.isEmpty ? (path.isEmpty ? "." : "/") : trimmed
    }

    /// The folder that a checkpoint lies in.
    public init(ofCheckpoint path: String) {
        self.init(path.lastIndex(of: "/").map { String(path[...$0]) } ?? ".")
    }

    /// A folder under `runs` that is not there yet, named after the time, the model and the optimizer.
    public static func fresh(for settings: TrainingSettings) -> RunDirectory {
        let name = "runs/\(TimeText.name())-\(settings.model)-\(settings.optimizer.kind.rawValue)"
        let names = [name] + (2...99).map { "\(name)-\($0)" }
        return RunDirectory(names.first { access($0, F_OK) != 0 } ?? name)
    }

    /// Makes the folder, and those it is in.
    /// - Parameter isResumed: whether the run that is in it goes on. Otherwise there must be none.
    /// - Throws: ``TrainingError/outputUnusable(path:reason:)``.
    public func create(isResumed: Bool) throws {
        var end = path.startIndex
        while end < path.endIndex {
            end = path[path.index(after: end)...].firstIndex(of: "/") ?? path.endIndex
            try makeFolder(String(path[..<end]))
        }
        guard access(path, W_OK | X_OK) == 0 else {
            throw TrainingError.outputUnusable(path: path, reason: systemReason())
        }
        guard isResumed || access(checkpoint, F_OK) != 0 else {
            throw TrainingError.outputUnusable(
                path: path, reason: "it holds a run already; go on with it by --resume \(shellQuoted(path)), or name another folder")
        }
    }

    private func makeFolder(_ path: String) throws {
        guard mkdir(path, 0o777) != 0 else { return }
        let reason = systemReason()
        var status = stat()
        guard stat(path, &status) == 0 else { throw TrainingError.outputUnusable(path: path, reason: reason) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw TrainingError.outputUnusable(path: path, reason: "it is not a folder")
        }
    }
}

/// A word as a shell takes it.
public func shellQuoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
        switch Unicode.Scalar(byte) {
        case "a"..."z", "A"..."Z", "0"..."9", "/", ".", "-", "_", "=", ":", ",", "%", "+", "@": true
        default: false
        }
    }
    if plain && !word.isEmpty { return word }
    return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}
