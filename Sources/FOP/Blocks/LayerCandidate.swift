import FOPCore
import Torch

/// A layer that Fisher blocks can stand for, whether or not it trains at the moment.
struct LayerCandidate {
    let name: String
    let layer: Module
    let description: LayerDescription
    /// The description's parameters; those that no block can stand for have no kind.
    let parameters: [(name: String, parameter: Parameter, kind: String?)]

    /// Whether there is anything for a block to do at the moment.
    var isTraining: Bool { parameters.contains { $0.kind != nil && $0.parameter.requiresGradient } }

    /// New blocks for what trains: one for all parameters with the same kind.
    func blocks(
        _ configuration: CurvatureConfiguration, excluding excluded: Set<ObjectIdentifier>
    ) throws -> [LayerBlock] {
        let training = parameters.indices.filter { index in
            let parameter = parameters[index].parameter
            return parameter.requiresGradient && !excluded.contains(ObjectIdentifier(parameter))
        }
        return try grouped(training, by: { parameters[$0].kind }).compactMap { kind, places in
            guard let kind, let block = try description.block(kind, for: places, configuration) else { return nil }
            let members = places.map { (name: parameters[$0].name, parameter: parameters[$0].parameter) }
            let isWhole = places.count == parameters.count
            return LayerBlock(
                name: isWhole ? name : members[0].name, layer: layer, block: block, parameters: members, kind: kind)
        }
    }
}
