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

    /// Whether autograd's own gradient of the parameters costs next to nothing: normalisations sum up the same numbers on
    /// the way to the gradient of their input. In low precision the second sub-batch would be a difference of rounded
    /// numbers.
    var hasCheapTotal: Bool {
        block is UnitWiseBlock && parameters.allSatisfy { [.float32, .float64].contains($0.parameter.value.dtype) }
    }
}
