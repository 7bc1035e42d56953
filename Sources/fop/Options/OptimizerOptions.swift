import ArgumentParser
import Training

/// The optimizer, and what all of them have.
struct OptimizerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The optimizer: \(choices(SystemChoices.optimizers)) (default: fop). kfac is fop with --beta zero.", valueName: "name"))
    var optimizer: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            The learning rate that the schedule starts from (default: \(defaults(\.learningRate)); for batches \
            of about 2048).
            """, valueName: "x"))
    var learningRate: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The momentum; adamw's first beta (default: 0.9).", valueName: "x"))
    var momentum: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The weight decay; decoupled but for sgd (default: \(defaults(\.weightDecay))).", valueName: "x"))
    var weightDecay: Double?

    @Option(
        help: ArgumentHelp(
            """
            How the learning rate goes on: \(choices(ScheduleSettings.Shape.allCases.map(\.rawValue))) (default: \
            cosine). cosine and linear end at 0 with the last of --epochs.
            """, valueName: "name"))
    var schedule: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Epochs, or a part of one, over which the learning rate rises at the start (default: 0).", valueName: "epochs"))
    var warmup: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("step: epochs between decays (default: a third of --epochs).", valueName: "epochs"))
    var decayEpochs: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("step: what each decay multiplies the learning rate with (default: 0.1).", valueName: "x"))
    var decayFactor: Double?

    func fill(_ request: inout TrainingRequest) {
        request.optimizer = optimizer
        request.learningRate = learningRate
        request.momentum = momentum
        request.weightDecay = weightDecay
        request.schedule = schedule
        request.warmup = warmup
        request.decayEpochs = decayEpochs
        request.decayFactor = decayFactor
    }

    /// `fop and kfac 0.1, sgd 0.4, adamw 0.01`
    private static func defaults(_ value: (OptimizerSettings) -> Double) -> String {
        var groups: [(names: [String], value: Double)] = []
        for kind in OptimizerKind.allCases {
            let own = value(kind.defaults)
            if groups.last?.value == own {
                groups[groups.count - 1].names.append(kind.rawValue)
            } else {
                groups.append(([kind.rawValue], own))
            }
        }
        return groups.map { "\(choices($0.names, last: "and")) \(NumberText.short($0.value))" }.joined(separator: ", ")
    }
}
