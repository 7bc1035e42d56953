import FOPCore
import Torch

extension BlockRegistry {
    /// The layers of this package.
    static let standardLayers: [RegisteredLayer] = [
        RegisteredLayer(Linear.self) { layer in
            let geometry = LinearGeometry(
                outputs: layer.weight.shape[0], features: layer.weight.shape[1], hasBias: layer.bias != nil)
            return .weight(layer.weight, bias: layer.bias, geometry: geometry)
        },
        RegisteredLayer(Convolution.self) { layer in
            let geometry = ConvolutionGeometry(
                weightShape: layer.weight.shape, stride: layer.stride, padding: layer.padding, dilation: layer.dilation,
                groups: layer.groups, hasBias: layer.bias != nil)
            return .weight(layer.weight, bias: layer.bias, geometry: geometry)
        },
        RegisteredLayer(ConvolutionTranspose.self) { layer in
            let geometry = TransposedConvolutionGeometry(
                weightShape: layer.weight.shape, stride: layer.stride, padding: layer.padding,
                outputPadding: layer.outputPadding, dilation: layer.dilation, groups: layer.groups,
                hasBias: layer.bias != nil)
            return .weight(layer.weight, bias: layer.bias, geometry: geometry)
        },
        RegisteredLayer(Embedding.self) { .embedding($0.weight, paddingIndex: $0.paddingIndex) },
        RegisteredLayer(BatchNorm.self) { .scale($0.weight, shift: $0.bias, over: .batch) },
        RegisteredLayer(GroupNorm.self) { .scale($0.weight, shift: $0.bias, over: .group) },
        RegisteredLayer(LayerNorm.self) { .scale($0.weight, shift: $0.bias, over: .layer) },
        RegisteredLayer(RMSNorm.self) { .scale($0.weight, over: .layer) },
    ]
}
