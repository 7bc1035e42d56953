import TorchCore

/// One tensor for each of several layers. What is a number for one layer is a vector with one element per layer for all
/// of them, so that the closed forms are computed once and not layer by layer: a few operators on vectors instead of as
/// many on each layer's numbers.
struct LayerTensors {
    let parts: [Tensor]

    init(_ parts: [Tensor]) { self.parts = parts }

    /// `<X, Y>` of each layer.
    func inner(_ other: LayerTensors) -> Tensor { Tensor.stacked(zip(parts, other.parts).map { $0.inner($1) }) }

    static func - (left: LayerTensors, right: LayerTensors) -> LayerTensors {
        LayerTensors(zip(left.parts, right.parts).map { $0 - $1 })
    }

    static func + (left: LayerTensors, right: LayerTensors) -> LayerTensors {
        LayerTensors(zip(left.parts, right.parts).map { $0 + $1 })
    }

    /// Each layer's tensor times its element of a vector.
    static func * (left: LayerTensors, factors: Tensor) -> LayerTensors {
        LayerTensors(zip(left.parts, factors.unstacked()).map { $0 * $1 })
    }

    /// The mean of several.
    static func mean(_ all: [LayerTensors]) -> LayerTensors {
        LayerTensors(all[0].parts.indices.map { layer in FOPCore.mean(all.map { $0.parts[layer] }) })
    }
}
