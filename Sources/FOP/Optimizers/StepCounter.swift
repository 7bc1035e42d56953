import Torch

/// Counts steps, and those left out because something was not finite.
struct StepCounter {
    /// How many changed the parameters.
    var applied = 0
    /// How many did not.
    var skipped = 0
    /// How many did not since the last one that did.
    private(set) var skippedInARow = 0

    /// Counts one step.
    /// - Parameters:
    ///   - limit: how many skipped steps in a row are one too many.
    ///   - advice: what the user can change.
    /// - Throws: ``TorchError/invalidValue(_:)`` with the advice when the limit is reached.
    mutating func count(
        isFinite: Bool, limit: Int, what: String = "loss or gradients", advice: @autoclosure () -> String
    ) throws -> StepOutcome {
        guard !isFinite else {
            applied += 1
            skippedInARow = 0
            return .applied
        }
        skipped += 1
        skippedInARow += 1
        guard skippedInARow < limit else {
            throw TorchError.invalidValue(
                "\(skippedInARow) steps in a row had \(what) that are not finite: \(advice()), or look at the data")
        }
        return .skipped
    }

    /// The counts under the keys that every optimizer's state has.
    var state: [String: Tensor] { ["step_count": Tensor(applied), "skipped_step_count": Tensor(skipped)] }

    init() {}

    /// The counts of a saved state.
    init(_ reader: inout StateReader) throws {
        applied = try reader.count("step_count")
        skipped = try reader.count("skipped_step_count")
    }
}
