import Glibc
import Synchronization

/// Ctrl-C and its relatives as a request to stop, which the training loop looks at after each step. A second one ends
/// the program at once.
public enum StopSignals {
    private static let firstAt = Atomic<Int64>(0)
    private static let signal = Atomic<Int32>(0)

    /// Some senders, such as `timeout`, send a signal to the process and again to its group: that is one request.
    private static let echo: Int64 = 300_000_000

    /// The signal that asked to stop; nil while none did.
    public static var received: Int32? {
        let number = signal.load(ordering: .acquiring)
        return number == 0 ? nil : number
    }

    /// Listens from now on: SIGINT, SIGTERM and, unless it is ignored as under `nohup`, SIGHUP.
    public static func listen() {
        // The atomics come into being here rather than in the handler, where memory must not be taken.
        _ = received
        firstAt.store(0, ordering: .releasing)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            var action = sigaction()
            guard sigaction(number, nil, &action) == 0 else { continue }
            if number == SIGHUP, action.isIgnored { continue }
            action = sigaction()
            action.__sigaction_handler.sa_handler = { StopSignals.take($0) }
            action.sa_flags = SA_RESTART
            _ = sigaction(number, &action, nil)
        }
    }

    /// The handler: only what a signal handler may do.
    private static func take(_ number: Int32) {
        let reason = errno
        defer { errno = reason }
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        let (isFirst, first) = firstAt.compareExchange(expected: 0, desired: now, ordering: .acquiringAndReleasing)
        if isFirst {
            signal.store(number, ordering: .releasing)
            say("\nfop: stopping after this step to save a checkpoint; once more ends at once\n")
        } else if now - first > echo {
            _exit(128 + number)
        }
    }

    private static func say(_ text: StaticString) {
        _ = write(2, text.utf8Start, text.utf8CodeUnitCount)
    }
}

extension sigaction {
    fileprivate var isIgnored: Bool {
        unsafeBitCast(__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
