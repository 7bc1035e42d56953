import Torch

/// Throws everything that is wrong with an optimizer's arguments, at once.
func checkSettings<Rule: UpdateRule>(
    _ parameters: [Parameter], learningRate: Double, rule: Rule, groups: [ParameterGroup<Rule>]
) throws {
    var problems = learningRateProblems("learningRate", learningRate) + rule.problems
    if parameters.isEmpty { problems.append("the model has no parameters") }
    problems += groupProblems(
        groups, parameters: parameters, learningRate: learningRate, rule: rule, problems: \.problems)
    try throwProblems(problems)
}

/// What is wrong with groups of parameters.
/// - Parameters:
///   - rule: what the groups' settings start from.
///   - problems: what is wrong with such settings.
func groupProblems<Rule>(
    _ groups: [ParameterGroup<Rule>], parameters: [Parameter], learningRate: Double, rule: Rule,
    problems problemsOf: (Rule) -> [String]
) -> [String] {
    var problems: [String] = []
    let known = problemsOf(rule)
    var free = Set(parameters.map { ObjectIdentifier($0) })
    for (index, group) in groups.enumerated() {
        var changed = rule
        group.configure(&changed)
        problems += problemsOf(changed).filter { !known.contains($0) }.map { "groups[\(index)]: \($0)" }
        if let rate = group.learningRate {
            problems += learningRateProblems("groups[\(index)].learningRate", rate)
            if learningRate == 0, rate != 0 {
                problems.append(
                    "learningRate is 0 and groups[\(index)].learningRate is \(rate): they cannot change in proportion")
            }
        }
        if group.parameters.isEmpty { problems.append("groups[\(index)] has no parameters") }
        for parameter in group.parameters where free.remove(ObjectIdentifier(parameter)) == nil {
            problems.append(
                "groups[\(index)] has a parameter of shape \(parameter.shape) that is in another group or not in the model")
        }
    }
    return problems
}

/// What is wrong with a learning rate.
func learningRateProblems(_ name: String, _ value: Double) -> [String] {
    value >= 0 && value.isFinite ? [] : ["\(name) is \(value): use a finite number of 0 or more"]
}

/// Throws ``TorchError/invalidValue(_:)`` with all problems, if there are any.
func throwProblems(_ problems: [String]) throws {
    guard problems.isEmpty else { throw TorchError.invalidValue(problems.joined(separator: "; ")) }
}
