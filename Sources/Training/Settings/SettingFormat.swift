/// How the value of an option is read and written, and which values are legal.
struct SettingFormat<Value> {
    /// The legal values in a few words: `a number from 0 to below 1`.
    var legal: String
    /// The value of a text; nil for a text that is none.
    let read: (String) -> Value?
    /// The text of a value, which ``read`` takes back.
    let write: (Value) -> String
    /// Whether a value is in range.
    let isLegal: (Value) -> Bool

    /// The same, or a word that stands for nil.
    func or(_ word: String) -> SettingFormat<Value?> {
        SettingFormat<Value?>(
            legal: "\(legal), or \(word)",
            read: { text in text == word ? .some(nil) : self.read(text).map(Optional.some) },
            write: { $0.map(self.write) ?? word }, isLegal: { $0.map(self.isLegal) ?? true })
    }
}

extension SettingFormat<Double> {
    static func number(_ legal: String, where isLegal: @escaping (Double) -> Bool) -> SettingFormat {
        SettingFormat(legal: legal, read: { Double($0) }, write: { "\($0)" }, isLegal: isLegal)
    }

    /// A finite number above 0.
    static var positive: SettingFormat { number("a finite number above 0") { $0 > 0 && $0.isFinite } }
    /// A finite number of 0 or more.
    static var nonNegative: SettingFormat { number("a finite number of 0 or more") { $0 >= 0 && $0.isFinite } }
    /// A share: 0 to below 1.
    static var share: SettingFormat { number("a number from 0 to below 1") { $0 >= 0 && $0 < 1 } }
    /// A factor that does not enlarge.
    static var factor: SettingFormat { number("a number above 0, at most 1") { $0 > 0 && $0 <= 1 } }
    /// Any finite number.
    static var finite: SettingFormat { number("a finite number") { $0.isFinite } }
}

extension SettingFormat<Int> {
    /// A whole number of at least `least`.
    static func count(_ legal: String? = nil, atLeast least: Int = 1, atMost most: Int = .max) -> SettingFormat {
        let range = most == .max ? "a whole number of \(least) or more" : "a whole number from \(least) to \(most)"
        return SettingFormat(
            legal: legal ?? range, read: { Int($0) }, write: { "\($0)" }, isLegal: { $0 >= least && $0 <= most })
    }
}

extension SettingFormat<UInt64> {
    static var seed: SettingFormat {
        SettingFormat(
            legal: "a whole number of 0 or more", read: { UInt64($0) }, write: { "\($0)" }, isLegal: { _ in true })
    }
}

extension SettingFormat<Bool> {
    /// `on` or `off`.
    static var onOff: SettingFormat {
        SettingFormat(
            legal: "on or off", read: { ["on": true, "off": false][$0] }, write: { $0 ? "on" : "off" },
            isLegal: { _ in true })
    }
}

extension SettingFormat<String> {
    /// One of some names.
    static func name(of names: [String]) -> SettingFormat {
        SettingFormat(legal: choices(names), read: { $0 }, write: { $0 }, isLegal: { names.contains($0) })
    }

    /// Any text.
    static var text: SettingFormat {
        SettingFormat(legal: "a text", read: { $0 }, write: { $0 }, isLegal: { _ in true })
    }
}

extension SettingFormat where Value: RawRepresentable<String> & CaseIterable {
    /// One of the cases' words.
    static var word: SettingFormat {
        SettingFormat(
            legal: choices(Value.allCases.map(\.rawValue)), read: { Value(rawValue: $0) }, write: { $0.rawValue },
            isLegal: { _ in true })
    }
}

extension SettingFormat<[Int]> {
    /// Rising whole numbers with commas between.
    static var epochs: SettingFormat {
        SettingFormat(
            legal: "whole numbers from 1 to 1000000, each larger than the one before, with commas between",
            read: { text in
                let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
                return parts.contains(nil) ? nil : parts.compactMap(\.self)
            },
            write: { $0.map { "\($0)" }.joined(separator: ",") },
            isLegal: { numbers in
                !numbers.isEmpty && numbers.allSatisfy { (1...1_000_000).contains($0) }
                    && zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }
            })
    }
}
