import FOPCore
import Synchronization
import TorchCore

/// Intervals that Python computes: it sets them before each step.
final class IntervalBox: Sendable {
    private let values = Mutex((factors: 1, inverses: 1))

    var factors: Int {
        get { values.withLock { $0.factors } }
        set { values.withLock { $0.factors = newValue } }
    }
    var inverses: Int {
        get { values.withLock { $0.inverses } }
        set { values.withLock { $0.inverses = newValue } }
    }
}

/// What Python says about an engine: lines of `name=value`, with Python's names for the options.
struct EngineSettings {
    private(set) var configuration = CurvatureConfiguration()
    let intervals = IntervalBox()

    /// - Throws: a sentence for everything that is unknown or out of range.
    init(_ text: String) throws {
        var problems: [String] = []
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let value = parts.count == 2 ? parts[1] : ""
            if let problem = set(parts[0], value) { problems.append(problem) }
        }
        problems += configuration.problems.map(inPythonsWords)
        guard problems.isEmpty else { throw TorchError.invalidValue(problems.joined(separator: "; ")) }
    }

    /// - Returns: what is wrong with it.
    private mutating func set(_ name: String, _ value: String) -> String? {
        func wrong(_ legal: String) -> String { "\(name) is \(value): use \(legal)" }
        switch name {
        case "damping":
            guard value == "auto" || Double(value) != nil else {
                return wrong("'auto' or a finite number of 0 or more")
            }
            configuration.damping = Double(value)
        case "ema_decay":
            guard let number = Double(value) else { return wrong("a number from 0 to below 1") }
            configuration.emaDecay = number
        case "kl_clip":
            guard value == "None" || Double(value) != nil else { return wrong("a number above 0, or None") }
            configuration.klClip = Double(value)
        case "factor_interval":
            guard let interval = interval(value, { $0.factors }) else { return wrong(intervalForm) }
            configuration.factorInterval = interval
        case "inverse_interval":
            guard let interval = interval(value, { $0.inverses }) else { return wrong(intervalForm) }
            configuration.inverseInterval = interval
        case "max_factor_dim":
            guard let size = Int(value) else { return wrong("a whole number of 1 or more") }
            configuration.maximumFactorSize = size
        case "max_vocabulary":
            guard let size = Int(value) else { return wrong("a whole number of 0 or more") }
            configuration.maximumVocabulary = size
        case "beta":
            guard value == "paper" || value == "zero" || Double(value) != nil else {
                return wrong("'paper', 'zero' or a number")
            }
            configuration.beta = value == "paper" ? .paper : Double(value).map { .fixed($0) } ?? .zero
        case "block":
            return choose(
                &configuration.block, value, ["kronecker": .kronecker, "ekfac": .ekfac, "diagonal": .diagonal], name)
        case "fisher": return choose(&configuration.fisher, value, ["empirical": .empirical, "mc": .monteCarlo()], name)
        case "stagger_curvature":
            return choose(&configuration.staggersCurvature, value, ["True": true, "False": false], name)
        case "eta": return choose(&configuration.eta, value, ["average": .average, "sum": .sum, "off": .off], name)
        case "metric": return choose(&configuration.metric, value, ["fisher": .fisher, "damped": .damped], name)
        case "kfac_approx":
            return choose(&configuration.weightSharing, value, ["expand": .expand, "reduce": .reduce], name)
        case "loss_reduction":
            return choose(&configuration.lossReduction, value, ["mean": .mean, "sum": .sum], name)
        default: return "\(name) is not an option"
        }
        return nil
    }

    private var intervalForm: String { "'auto', a whole number of 1 or more, or a function of the step" }

    private func interval(_ value: String, _ read: @escaping @Sendable (IntervalBox) -> Int) -> Interval? {
        switch value {
        case "auto": return .automatic
        case "function": return .function { [intervals] _ in read(intervals) }
        default: return Int(value).map { .every($0) }
        }
    }

    private func choose<Choice>(
        _ choice: inout Choice, _ value: String, _ choices: KeyValuePairs<String, Choice>, _ name: String
    ) -> String? {
        guard let found = choices.first(where: { $0.key == value }) else {
            return "\(name) is '\(value)': use \(choices.map { "'\($0.key)'" }.joined(separator: " or "))"
        }
        choice = found.value
        return nil
    }

    /// The library's sentences begin with its own names of the options.
    private func inPythonsWords(_ problem: String) -> String {
        let names = [
            ("emaDecay", "ema_decay"), ("factorInterval", "factor_interval"), ("inverseInterval", "inverse_interval"),
            ("klClip", "kl_clip"), ("maximumFactorSize", "max_factor_dim"), ("maximumVocabulary", "max_vocabulary"),
        ]
        for (swift, python) in names where problem.hasPrefix(swift) {
            return python + String(problem.dropFirst(swift.count)).replacingSuffix(", or nil", with: ", or None")
        }
        return problem
    }
}

extension String {
    fileprivate func replacingSuffix(_ suffix: String, with other: String) -> String {
        hasSuffix(suffix) ? String(dropLast(suffix.count)) + other : self
    }
}
