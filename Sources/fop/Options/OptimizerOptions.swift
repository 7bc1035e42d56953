import ArgumentParser
import Training

/// The optimizer, and what all of them have.
struct OptimizerOptions: SettingOptions {
    @Option(
        help: help(
            """
            The optimizer: \(choices(SystemChoices.optimizers)) (default: fop). kfac is fop with --beta zero.
            """, "name"))
    var optimizer: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            The learning rate that the schedule starts from (default: \(defaults(\.learningRate)); for batches of \
            about 2048).
            """, "x"))
    var learningRate: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            The batch size that --learning-rate is meant for: at another --batch-size it is scaled in proportion, the \
            linear scaling rule; a number or none (default: none). Use it with --warmup.
            """, "n"))
    var baseBatchSize: String?

    @Option(
        parsing: .unconditional,
        help: help("The momentum; first beta of adamw, lamb and soap (default: \(defaults(\.momentum))).", "x"))
    var momentum: String?

    @Option(
        parsing: .unconditional,
        help: help("The weight decay; decoupled but for sgd (default: \(defaults(\.weightDecay))).", "x"))
    var weightDecay: String?

    /// `fop and kfac 0.1, sgd 0.4, adamw 0.01`
    private static func defaults(_ value: (OptimizerSettings) -> Double) -> String {
        var groups: [(names: [String], value: Double)] = []
        for kind in OptimizerKind.allCases {
            let own = value(kind.defaults)
            if let index = groups.firstIndex(where: { $0.value == own }) {
                groups[index].names.append(kind.rawValue)
            } else {
                groups.append(([kind.rawValue], own))
            }
        }
        return groups.map { "\(choices($0.names, last: "and")) \(NumberText.short($0.value))" }.joined(separator: "; ")
    }
}

/// What only some of the optimizers that FOP is compared with have.
struct BaselineOptions: SettingOptions {
    @Option(
        parsing: .unconditional,
        help: help(
            """
            adamw, lamb, shampoo, soap: the share that averages of squares or Gram matrices keep (default: 0.999; soap \
            0.95).
            """, "x"))
    var secondBeta: String?

    @Option(
        parsing: .unconditional,
        help: help("adamw, lamb, soap: added to the root of the squares' average (default: 1e-8; lamb 1e-6).", "x"))
    var epsilon: String?

    @Option(help: help("sgd, shampoo, muon: step ahead by the momentum, on or off (default: on; sgd off).", "on/off"))
    var nesterov: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            shampoo: steps between roots (default: 20); soap: between updates of the bases (default: 10).
            """, "n"))
    var matrixInterval: String?

    @Option(
        help: help(
            """
            shampoo: whose step length is taken over: \(choices(GraftingChoice.allCases.map(\.rawValue))) (default: \
            sgd).
            """, "name"))
    var grafting: String?

    @Option(
        name: .customLong("adamw-learning-rate"), parsing: .unconditional,
        help: help(
            "muon: the learning rate of what is no matrix, and of the classifier (default: 0.003).", "x"))
    var adamwLearningRate: String?
}
