/// `metrics.csv` and `metrics.jsonl`: the same numbers per epoch, for spreadsheets and for programs.
///
/// A number that is not finite is `nan`, `inf` or `-inf` in the former and `null` in the latter.
final class MetricsFiles {
    private let csv: OutputFile
    private let jsonLines: OutputFile

    /// The columns: their names, and the texts of their numbers.
    private static let columns: [(name: String, number: @Sendable (EpochRecord) -> MetricsNumber)] = [
        ("epoch", { .whole($0.epoch) }),
        ("steps", { .whole($0.steps) }),
        ("train_loss", { .real($0.trainLoss) }),
        ("test_loss", { .real($0.testLoss) }),
        ("test_accuracy", { .real($0.testAccuracy) }),
        ("learning_rate", { .real($0.learningRate) }),
        ("epoch_seconds", { .real($0.seconds) }),
        ("examples_per_second", { .real($0.examplesPerSecond) }),
        ("training_seconds", { .real($0.trainingSeconds) }),
        ("total_seconds", { .real($0.totalSeconds) }),
        ("skipped_steps", { .whole($0.skippedSteps) }),
    ]

    /// Starts both files with the epochs that there are already; rows of a run that was killed after its last
    /// checkpoint go.
    /// - Throws: ``TrainingError``.
    init(in directory: RunDirectory, history: [EpochRecord]) throws {
        csv = try OutputFile(directory.metricsCSV, emptied: true)
        jsonLines = try OutputFile(directory.metricsJSONLines, emptied: true)
        try csv.append(Self.columns.map(\.name).joined(separator: ",") + "\n" + history.map(Self.csvRow).joined())
        try jsonLines.append(history.map(Self.jsonLine).joined())
    }

    /// Adds an epoch to both.
    func append(_ record: EpochRecord) throws {
        try csv.append(Self.csvRow(record))
        try jsonLines.append(Self.jsonLine(record))
    }

    private static func csvRow(_ record: EpochRecord) -> String {
        columns.map { $0.number(record).text }.joined(separator: ",") + "\n"
    }

    private static func jsonLine(_ record: EpochRecord) -> String {
        "{" + columns.map { "\"\($0.name)\": \($0.number(record).json)" }.joined(separator: ", ") + "}\n"
    }
}

private enum MetricsNumber {
    case whole(Int)
    case real(Double)

    var text: String {
        switch self {
        case .whole(let value): "\(value)"
        case .real(let value): "\(value)"
        }
    }

    var json: String {
        if case .real(let value) = self, !value.isFinite { "null" } else { text }
    }
}
