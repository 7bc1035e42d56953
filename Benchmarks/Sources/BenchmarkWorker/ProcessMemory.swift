import Glibc

/// What this process holds, in bytes, as /proc/self/status tells it.
enum ProcessMemory {
    /// Now.
    static var resident: Int { value(of: "VmRSS:") }
    /// At its height since the program began.
    static var peak: Int { value(of: "VmHWM:") }

    private static func value(of key: String) -> Int {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, file) > 0, let text = line {
            let words = String(cString: text).split(whereSeparator: \.isWhitespace)
            if words.count >= 2, words[0] == key { return (Int(words[1]) ?? 0) * 1024 }
        }
        return 0
    }
}
