import FOP
import FOPCore

/// What the optimizer found at one step: a table on the console, and rows of `diagnostics.csv` and `diagnostics.jsonl`.
public struct DiagnosticsRecord: Equatable, Sendable {
    /// The epoch, from 1, and how many steps the run has taken.
    public let epoch, step: Int
    /// How many images a step has.
    public let batchSize: Int
    /// What the step found.
    public let found: StepDiagnostics
    /// The names of the layers in ``found``.
    public let layers: [String]
    /// How inverses were obtained so far, by name; since the run was last resumed.
    public let inverses: [String: Int]
    /// How many steps of the run changed nothing so far.
    public let skippedSteps: Int

    init?(_ optimizer: FOP, epoch: Int, step: Int, batchSize: Int, skippedSteps: Int) {
        guard let found = optimizer.diagnostics else { return nil }
        self.epoch = epoch
        self.step = step
        self.batchSize = batchSize
        self.found = found
        let names = optimizer.layerNames
        layers = found.layers.map { names[$0.block] }
        inverses = Dictionary(uniqueKeysWithValues: optimizer.inverseOutcomes.map { ("\($0.key)", $0.value) })
        self.skippedSteps = skippedSteps
    }
}
