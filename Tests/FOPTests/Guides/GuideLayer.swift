// The layer of Documentation/add-a-layer.md, word for word: `GuideTests` compares them.

import FOP
import FOPCore
import Torch

/// `y = x * w`, over the last dimension.
final class Scale: Module, Layer {
    /// features
    let weight: Parameter

    init(_ features: Int) {
        weight = Parameter(.ones([features]))
        super.init()
    }

    func callAsFunction(_ input: Tensor) -> Tensor {
        observed(input: input, output: input * weight.value)
    }
}

/// An optimizer that has a block for it.
func guideLayerOptimizer(_ model: Module) throws -> FOP {
    var options = FOPOptions()
    options.blocks.register(Scale.self) { layer in .scale(layer.weight, over: .layer) }
    let optimizer = try FOP(model, learningRate: 0.1, options: options)
    return optimizer
}
