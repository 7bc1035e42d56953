import ArgumentParser
import Training

/// How the learning rate goes on.
struct ScheduleOptions: SettingOptions {
    @Option(
        help: help(
            """
            How the learning rate goes on: \(choices(ScheduleSettings.Shape.allCases.map(\.rawValue))) (default: \
            cosine). cosine, linear and one-cycle end with the last of --epochs.
            """, "name"))
    var schedule: String?

    @Option(
        parsing: .unconditional,
        help: help("Epochs, or a part of one, over which the learning rate rises at the start (default: 0).", "epochs"))
    var warmup: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            step: epochs between decays (default: a third of --epochs). multi-step: the epochs after which it decays, \
            such as 10,20 (default: half and three quarters of --epochs). Both count from the end of the warm-up.
            """, "epochs"))
    var decayEpochs: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            step, multi-step, plateau: what a decay multiplies the learning rate with (default: 0.1); exponential: the \
            same, every epoch (default: 0.9).
            """, "x"))
    var decayFactor: String?

    @Option(
        parsing: .unconditional,
        help: help(
            """
            cosine, linear: the share of the learning rate that is left at the end (default: 0); plateau: that it does \
            not fall below.
            """, "x"))
    var finalShare: String?

    @Option(
        parsing: .unconditional,
        help: help("one-cycle: the share of all steps on the way up (default: 0.3).", "x"))
    var cycleRise: String?

    @Option(
        parsing: .unconditional,
        help: help("plateau: how many epochs in a row that are no better are tolerated (default: 3).", "epochs"))
    var patience: String?

    @Option(
        help: help(
            """
            plateau: what is to get better: \(choices(ScheduleSettings.Metric.allCases.map(\.rawValue))) (default: \
            test-loss).
            """, "name"))
    var plateauMetric: String?
}
