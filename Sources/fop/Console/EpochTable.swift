import Training

/// The table with a row per epoch.
enum EpochTable {
    private static let columns: [(title: String, width: Int, text: @Sendable (EpochRecord) -> String)] = [
        ("epoch", 5, { "\($0.epoch)" }),
        ("train loss", 10, { loss($0.trainLoss) }),
        ("test loss", 10, { loss($0.testLoss) }),
        ("test acc.", 9, { NumberText.percent($0.testAccuracy) }),
        ("learn. rate", 11, { NumberText.short($0.learningRate) }),
        ("seconds", 8, { NumberText.fixed($0.seconds, 1) }),
        ("examples/s", 10, { NumberText.grouped(Int($0.examplesPerSecond.rounded())) }),
    ]

    static let header = columns.map { padded($0.title, $0.width) }.joined(separator: "  ")

    static func row(_ record: EpochRecord) -> String {
        columns.map { padded($0.text(record), $0.width) }.joined(separator: "  ")
    }

    /// Large losses, of runs that go wrong, fit too.
    private static func loss(_ value: Double) -> String {
        value.magnitude < 1000 ? NumberText.fixed(value, 4) : NumberText.short(value, digits: 4)
    }
}
