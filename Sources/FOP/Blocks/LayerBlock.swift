import FOPCore
import Torch

/// A Fisher block and the parameters that it stands for.
struct LayerBlock {
    /// The layer's name, or the parameter's where the block stands for a part of the layer.
    let name: String
    let layer: Module
    let block: any FisherBlock
    /// In the block's order.
    let parameters: [(name: String, parameter: Parameter)]
    /// What the block is, for the coverage table.
    let kind: String

    /// Whether any of the parameters can change at the moment.
    var isTraining: Bool { parameters.contains { $0.parameter.requiresGradient } }
}
