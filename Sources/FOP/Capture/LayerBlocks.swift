import FOPCore
import Torch

/// One layer that a Fisher block stands for.
struct LayerBlock {
    let name: String
    let layer: Module
    let block: any FisherBlock
    /// The layer's parameters, in the block's order.
    let parameters: [(name: String, parameter: Parameter)]
    /// What the block is, for the coverage table.
    let kind: String

    /// Whether any of the parameters can change: a frozen layer costs nothing.
    var isTraining: Bool { parameters.contains { $0.parameter.requiresGradient } }
}

/// Finds the layers of a model that a Fisher block can stand for.
/// A layer is left out when one of its parameters is frozen or shared with another layer: the fallback takes those.
func layerBlocks(of model: Module, weightSharing: WeightSharing) -> [LayerBlock] {
    let uses = parameterUses(of: model)
    return model.namedModules.compactMap { name, layer in
        guard let candidate = layerBlock(name, layer, weightSharing) else { return nil }
        let usable = candidate.parameters.allSatisfy { _, parameter in
            parameter.requiresGradient && uses[ObjectIdentifier(parameter)] == 1
        }
        return usable && !candidate.parameters.isEmpty ? candidate : nil
    }
}

/// How many layers hold each parameter.
private func parameterUses(of model: Module) -> [ObjectIdentifier: Int] {
    var uses: [ObjectIdentifier: Int] = [:]
    for (_, module) in model.namedModules {
        for (_, parameter) in module.ownParameters { uses[ObjectIdentifier(parameter), default: 0] += 1 }
    }
    return uses
}

private func layerBlock(_ name: String, _ layer: Module, _ weightSharing: WeightSharing) -> LayerBlock? {
    switch layer {
    case let linear as Linear:
        let geometry = LinearGeometry(
            outputs: linear.weight.shape[0], features: linear.weight.shape[1], hasBias: linear.bias != nil)
        return kroneckerBlock(name, layer, geometry, weightSharing, linear.weight, linear.bias)
    case let convolution as Convolution:
        let geometry = ConvolutionGeometry(
            weightShape: convolution.weight.shape, stride: convolution.stride, padding: convolution.padding,
            dilation: convolution.dilation, groups: convolution.groups, hasBias: convolution.bias != nil)
        return kroneckerBlock(name, layer, geometry, weightSharing, convolution.weight, convolution.bias)
    case let norm as BatchNorm: return unitWiseBlock(name, layer, .batch, norm.weight, norm.bias)
    case let norm as GroupNorm: return unitWiseBlock(name, layer, .group, norm.weight, norm.bias)
    case let norm as LayerNorm: return unitWiseBlock(name, layer, .layer, norm.weight, norm.bias)
    case let norm as RMSNorm: return unitWiseBlock(name, layer, .layer, norm.weight, nil)
    default: return nil
    }
}

private func kroneckerBlock(
    _ name: String, _ layer: Module, _ geometry: any LayerGeometry, _ weightSharing: WeightSharing,
    _ weight: Parameter, _ bias: Parameter?
) -> LayerBlock {
    LayerBlock(
        name: name, layer: layer, block: KroneckerBlock(geometry, weightSharing: weightSharing),
        parameters: named(name, weight, bias), kind: "Kronecker")
}

private func unitWiseBlock(
    _ name: String, _ layer: Module, _ kind: NormalizationKind, _ weight: Parameter?, _ bias: Parameter?
) -> LayerBlock? {
    let parameters = named(name, weight, bias)
    guard let shape = parameters.first?.parameter.shape else { return nil }
    let block = UnitWiseBlock(kind, parameterShape: shape, hasWeight: weight != nil, hasBias: bias != nil)
    return LayerBlock(name: name, layer: layer, block: block, parameters: parameters, kind: "unit-wise")
}

private func named(_ layer: String, _ weight: Parameter?, _ bias: Parameter?) -> [(name: String, parameter: Parameter)] {
    [("weight", weight), ("bias", bias)].compactMap { part, parameter in
        parameter.map { (layer.isEmpty ? part : "\(layer).\(part)", $0) }
    }
}
