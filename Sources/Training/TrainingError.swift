/// What can keep a run from starting or going on. `description` is one sentence that says what is wrong, where, and
/// what to do.
public enum TrainingError: Error, Equatable, Sendable {
    /// Values outside their range or options that contradict each other: one sentence for each, all of them.
    case invalidSettings([String])
    /// No checkpoint at a path.
    case checkpointMissing(path: String)
    /// A file that is not a checkpoint, or a damaged one.
    case checkpointUnusable(path: String, reason: String)
    /// A checkpoint of another run than the one that was asked for: one sentence for each setting that differs.
    case checkpointDiffers(path: String, differences: [String])
    /// An output folder that cannot be made, written into, or is taken.
    case outputUnusable(path: String, reason: String)
    /// A file of the run that could not be written.
    case writeFailed(path: String, reason: String)
    /// The model cannot take the data's images.
    case modelDoesNotFit(model: String, dataset: String, reason: String)
    /// Too many steps in a row were not finite. `advice` is the optimizer's.
    case diverged(advice: String)
}

extension TrainingError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalidSettings(let problems):
            problems.joined(separator: "; ")
        case .checkpointMissing(let path):
            "\(path): there is no such checkpoint; name a run's folder or its checkpoint.safetensors"
        case .checkpointUnusable(let path, let reason):
            "\(path): not a checkpoint that can be resumed: \(reason)"
        case .checkpointDiffers(let path, let differences):
            "\(path) is of another run: \(differences.joined(separator: "; "))"
        case .outputUnusable(let path, let reason):
            "\(path): cannot be used for output: \(reason)"
        case .writeFailed(let path, let reason):
            "\(path): cannot be written: \(reason)"
        case .modelDoesNotFit(let model, let dataset, let reason):
            "\(model) cannot take the images of \(dataset): \(reason)"
        case .diverged(let advice):
            advice
        }
    }

    /// What it ends the program with.
    public var status: ExitStatus {
        switch self {
        case .invalidSettings, .checkpointDiffers: .usage
        case .checkpointMissing: .missingInput
        case .checkpointUnusable, .modelDoesNotFit: .badData
        case .outputUnusable: .cannotCreateOutput
        case .writeFailed: .inputOutput
        case .diverged: .diverged
        }
    }
}
