import Logging

/// Writes log messages to a file: `2026-01-31T23:59:59+0100 info: text`.
struct LogFile: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let file: OutputFile

    init(_ file: OutputFile, level: Logger.Level) {
        self.file = file
        logLevel = level
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        // A log that cannot be written must not end a run: metrics and checkpoints say it when the disk is full.
        try? file.append("\(TimeText.stamp()) \(event.level): \(event.message)\n")
    }
}
