import Logging

/// Brings log messages of some weight to standard error.
struct ConsoleLog: LogHandler {
    var logLevel: Logger.Level
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private let terminal: Terminal

    /// - Parameter level: warnings at least; errors end the program, which reports them itself.
    init(_ terminal: Terminal, level: Logger.Level) {
        self.terminal = terminal
        logLevel = max(level, .warning)
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        if event.level == .warning { terminal.warn("fop: \(event.level): \(event.message)") }
    }
}
