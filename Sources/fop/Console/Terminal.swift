import Glibc
import Synchronization
import Training

/// Standard output: lines that stay, and below them, on a terminal, one that is overwritten.
final class Terminal: Sendable {
    /// Whether lines can be overwritten.
    let isInteractive: Bool
    private let hasProgress = Mutex(false)

    init() {
        isInteractive = isatty(STDOUT_FILENO) == 1 && getenv("TERM").map { String(cString: $0) } != "dumb"
    }

    /// How many characters fit into a line.
    var width: Int {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// Writes a line that stays.
    func print(_ line: String = "") { write(line, to: STDOUT_FILENO) }

    /// Writes a line to standard error.
    func warn(_ line: String) { write(line, to: STDERR_FILENO) }

    /// Draws the line that is overwritten.
    func draw(_ text: String) {
        guard isInteractive else { return }
        hasProgress.withLock { hasProgress in
            // Nobody looks any more where it cannot be written: not a reason to stop.
            _ = writeAll("\r\(text)\u{1b}[K", to: STDOUT_FILENO)
            hasProgress = true
        }
    }

    private func write(_ line: String, to descriptor: Int32) {
        hasProgress.withLock { hasProgress in
            if hasProgress { _ = writeAll("\r\u{1b}[K", to: STDOUT_FILENO) }
            hasProgress = false
            _ = writeAll(line + "\n", to: descriptor)
        }
    }
}
