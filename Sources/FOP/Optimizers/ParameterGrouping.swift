import Torch

/// What a group of ``FOP``'s parameters can have of its own besides the learning rate.
public struct FOPGroupSettings: Equatable, Sendable {
    /// The heavy-ball momentum; 0 to below 1.
    public var momentum: Double
    /// Decoupled weight decay.
    public var weightDecay: Double

    var problems: [String] {
        var checks = SettingChecks()
        checks.share("momentum", momentum)
        checks.nonNegative("weightDecay", weightDecay)
        return checks.problems
    }
}

/// Which group each parameter is in, and how the groups' parameters move.
struct ParameterGrouping {
    /// One entry per group; the first is that of the parameters in no group.
    let settings: [FOPGroupSettings]
    var rates: GroupedLearningRates
    private let groups: [ObjectIdentifier: Int]

    init(_ groups: [ParameterGroup<FOPGroupSettings>], base: FOPGroupSettings, learningRate: Double) {
        settings =
            [base]
            + groups.map { group in
                var own = base
                group.configure(&own)
                return own
            }
        rates = GroupedLearningRates(learningRate, groups: groups.map(\.learningRate))
        var numbers: [ObjectIdentifier: Int] = [:]
        for (index, group) in groups.enumerated() {
            for parameter in group.parameters { numbers[ObjectIdentifier(parameter)] = index + 1 }
        }
        self.groups = numbers
    }

    /// The group's number; 0 for none.
    func group(of parameter: Parameter) -> Int { groups[ObjectIdentifier(parameter)] ?? 0 }

    func settings(of parameter: Parameter) -> FOPGroupSettings { settings[group(of: parameter)] }

    func learningRate(of parameter: Parameter) -> Double { rates.current[group(of: parameter)] }
}
