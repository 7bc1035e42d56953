import Datasets
import Torch

/// The exit codes of `fop`. From 64 on they are those of `sysexits.h`; a run that a signal stopped ends as a shell
/// would report the signal, 128 + its number.
public enum ExitStatus: Int32, CaseIterable, Sendable {
    /// Done. Also a run that did not reach its target, unless `--require-target` asks for it.
    case success = 0
    /// Anything else that went wrong.
    case failure = 1
    /// The target was not reached, with `--require-target`.
    case targetMissed = 3
    /// Too many steps in a row were not finite: the run diverged. Checkpoint and weights are those of the last epoch.
    case diverged = 4
    /// An option that does not exist, a value outside its range, options that contradict each other or a checkpoint's
    /// settings.
    case usage = 64
    /// A file that is there and damaged, or holds something else: data, checkpoint.
    case badData = 65
    /// A file or folder that is not there: data, checkpoint.
    case missingInput = 66
    /// A device, or a library that is needed, is not available.
    case unavailable = 69
    /// The output folder cannot be made, written into, or holds another run. Found before training starts.
    case cannotCreateOutput = 73
    /// Reading or writing failed on the way, such as on a full disk.
    case inputOutput = 74
    /// Hung up on; a checkpoint was saved.
    case hungUp = 129
    /// Ctrl-C; a checkpoint was saved.
    case interrupted = 130
    /// Told to terminate; a checkpoint was saved.
    case terminated = 143

    /// A few words for listings.
    public var summary: String {
        switch self {
        case .success: "done (also when the target was not reached)"
        case .failure: "anything else"
        case .targetMissed: "the target was not reached, with --require-target"
        case .diverged: "the run diverged: too many steps in a row were not finite"
        case .usage: "wrong options"
        case .badData: "damaged or wrong data or checkpoint"
        case .missingInput: "data or checkpoint not found"
        case .unavailable: "device or library not available"
        case .cannotCreateOutput: "the output folder cannot be used"
        case .inputOutput: "reading or writing failed, such as on a full disk"
        case .hungUp: "hung up on (SIGHUP), after saving a checkpoint"
        case .interrupted: "Ctrl-C (SIGINT), after saving a checkpoint"
        case .terminated: "told to end (SIGTERM), after saving a checkpoint"
        }
    }

    /// What a failure ends the program with.
    public init(for error: any Error) {
        self =
            switch error {
            case let error as TrainingError: error.status
            case let error as DatasetError: ExitStatus(for: error)
            case let error as TorchError: ExitStatus(for: error)
            default: .failure
            }
    }

    /// What a run that this signal stopped ends with.
    public init(signal: Int32) { self = ExitStatus(rawValue: 128 + signal) ?? .failure }

    private init(for error: DatasetError) {
        self =
            switch error {
            case .missingFile, .filesNotFound: .missingInput
            case .unreadableFile, .notIDX, .wrongDimensions, .truncated, .excessBytes, .corruptGzip, .labelOutOfRange,
                .countsDiffer:
                .badData
            case .zlibMissing: .unavailable
            case .unknownDataset, .invalidValue: .usage
            }
    }

    private init(for error: TorchError) {
        self =
            switch error {
            case .invalidValue: .usage
            case .deviceUnavailable: .unavailable
            case .file: .inputOutput
            case .stateMismatch: .badData
            case .operatorFailed: .failure
            }
    }
}
