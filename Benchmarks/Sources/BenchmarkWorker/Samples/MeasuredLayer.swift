import FOPCore
import Torch

/// A layer that has a Fisher block, and what kind it is.
struct MeasuredLayer {
    let name: String
    let kind: String
    let module: Module
    private let structure: LayerStructure

    /// The layers of a model of linear layers, convolutions and normalisations.
    static func all(of model: Module) -> [MeasuredLayer] {
        model.namedModules.compactMap { MeasuredLayer(name: $0.name, module: $0.module) }
    }

    private init?(name: String, module: Module) {
        (self.name, self.module) = (name, module)
        switch module {
        case let layer as Linear:
            kind = "linear"
            structure = .weight(
                LinearGeometry(
                    outputs: layer.weight.shape[0], features: layer.weight.shape[1], hasBias: layer.bias != nil))
        case let layer as Convolution:
            kind = "convolution"
            structure = .weight(
                ConvolutionGeometry(
                    weightShape: layer.weight.shape, stride: layer.stride, padding: layer.padding,
                    dilation: layer.dilation, groups: layer.groups, hasBias: layer.bias != nil))
        case let layer as BatchNorm:
            kind = "normalisation"
            structure = .scale(.batch, shape: layer.weight?.shape ?? [], hasWeight: true, hasBias: true)
        case let layer as LayerNorm:
            kind = "normalisation"
            structure = .scale(.layer, shape: layer.shape, hasWeight: true, hasBias: true)
        default: return nil
        }
    }

    /// A new block, of the kind that the layer has by default.
    func makeBlock(_ configuration: CurvatureConfiguration) throws -> any FisherBlock {
        try structure.block(structure.defaultKind(configuration), configuration)
    }
}
