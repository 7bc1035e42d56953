/// Gathers everything that is wrong with settings, so that all of it is reported at once.
struct Problems {
    private(set) var all: [String] = []

    /// Adds a sentence.
    mutating func add(_ problem: String) { all.append(problem) }

    /// Adds a sentence unless the value is legal.
    mutating func require<Value>(_ isLegal: Bool, _ option: String, _ value: Value?, _ legal: String) {
        if !isLegal { add(Self.sentence(option, value.map { "\($0)" } ?? "none", legal)) }
    }

    /// `--epochs is 0: use a whole number of 1 or more`
    static func sentence(_ option: String, _ value: String, _ legal: String) -> String {
        "\(option) is \(value): use \(legal)"
    }
}

/// `one, two or three`
public func choices(_ names: [String], last word: String = "or") -> String {
    guard let last = names.last, names.count > 1 else { return names.joined() }
    return names.dropLast().joined(separator: ", ") + " \(word) " + last
}
