import Glibc

/// The time of day as text.
public enum TimeText {
    /// Now, in local time, with the offset from UTC: `2026-01-31T23:59:59+0100`.
    public static func stamp() -> String { now("%Y-%m-%dT%H:%M:%S%z") }

    /// Now, in local time, for names of folders: `20260131-235959`.
    public static func name() -> String { now("%Y%m%d-%H%M%S") }

    private static func now(_ format: String) -> String {
        var seconds = time(nil)
        var parts = tm()
        localtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 64)
        let length = strftime(&buffer, buffer.count, format, &parts)
        return String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
