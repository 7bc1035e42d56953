import Glibc

/// Numbers for people and files, the same on every machine whatever its language.
public enum NumberText {
    /// With a number of digits after the point.
    public static func fixed(_ value: Double, _ digits: Int) -> String { format("%.*f", digits, value) }

    /// With a number of significant digits, as short as possible: `0.1`, `1.5e-05`.
    public static func short(_ value: Double, digits: Int = 3) -> String { format("%.*g", digits, value) }

    /// With an exponent, always as wide: `1.23e-05`.
    public static func scientific(_ value: Double, digits: Int = 2) -> String { format("%.*e", digits, value) }

    /// Whole, in groups of three digits: `60,000`.
    public static func grouped(_ value: Int) -> String {
        let digits = String(value.magnitude)
        let groups = stride(from: digits.count, to: 0, by: -3).map { end in
            String(digits.dropLast(digits.count - end).suffix(3))
        }
        return (value < 0 ? "-" : "") + groups.reversed().joined(separator: ",")
    }

    /// A share as a percentage: `90.12 %`.
    public static func percent(_ share: Double, digits: Int = 2) -> String { fixed(100 * share, digits) + " %" }

    /// Minutes and seconds, with hours where there are any: `0:07`, `12:34`, `1:02:03`.
    public static func clock(seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e9 else { return "?" }
        let whole = Int(max(0, seconds).rounded())
        let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
    }

    /// A number and its noun: `1 step`, `3 steps`.
    public static func count(_ number: Int, _ noun: String) -> String {
        "\(grouped(number)) \(noun)\(number == 1 ? "" : "s")"
    }

    private static func format(_ format: String, _ digits: Int, _ value: Double) -> String {
        var buffer = [CChar](repeating: 0, count: 400)
        let length = withVaList([Int32(digits), value]) { vsnprintf(&buffer, buffer.count, format, $0) }
        return String(decoding: buffer.prefix(Int(length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
