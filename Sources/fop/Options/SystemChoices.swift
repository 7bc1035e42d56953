import Datasets
import Models
import Training

/// The names that options take.
enum SystemChoices {
    static let models = ModelRegistry.standard.names
    static let datasets = DatasetKind.allCases.map(\.rawValue)
    static let optimizers = OptimizerKind.allCases.map(\.rawValue)
}
