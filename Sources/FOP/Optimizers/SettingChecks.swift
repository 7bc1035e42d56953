/// Collects what is wrong with settings.
struct SettingChecks {
    private(set) var problems: [String] = []

    /// Notes that `name` has a value other than `legal` describes, unless `condition`.
    mutating func require<Value>(_ condition: Bool, _ name: String, _ value: Value, _ legal: String) {
        if !condition { problems.append("\(name) is \(value): use \(legal)") }
    }

    /// A share: 0 to below 1.
    mutating func share(_ name: String, _ value: Double) {
        require(value >= 0 && value < 1, name, value, "a number from 0 to below 1")
    }

    /// A finite number of 0 or more.
    mutating func nonNegative(_ name: String, _ value: Double) {
        require(value >= 0 && value.isFinite, name, value, "a finite number of 0 or more")
    }

    /// A finite number above 0.
    mutating func positive(_ name: String, _ value: Double) {
        require(value > 0 && value.isFinite, name, value, "a finite number above 0")
    }

    /// A whole number of at least `least`.
    mutating func count(_ name: String, _ value: Int, atLeast least: Int = 1) {
        require(value >= least, name, value, "a whole number of \(least) or more")
    }
}
