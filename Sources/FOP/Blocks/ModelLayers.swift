import Torch

/// A model as a registry sees it: its layers with their descriptions, its parameters with their names and owners.
struct ModelLayers {
    struct Described {
        let name: String
        let layer: Module
        let description: LayerDescription
    }

    let modules: [(name: String, module: Module)]
    let parameters: [(name: String, parameter: Parameter)]
    /// The layers that something is registered for. A parameter belongs to the outermost of them that names it.
    let described: [Described]
    private let names: [ObjectIdentifier: String]
    private let owners: [ObjectIdentifier: [Module]]

    init(_ model: Module, _ registry: BlockRegistry) {
        modules = model.namedModules
        parameters = model.namedParameters
        names = Dictionary(uniqueKeysWithValues: parameters.map { (ObjectIdentifier($0.parameter), $0.name) })
        var owners: [ObjectIdentifier: [Module]] = [:]
        for (_, module) in modules {
            for (_, parameter) in module.ownParameters { owners[ObjectIdentifier(parameter), default: []].append(module) }
        }
        self.owners = owners
        var claimed = Set<ObjectIdentifier>()
        described = modules.compactMap { name, module in
            guard let description = registry.description(of: module), !description.parameters.isEmpty else { return nil }
            let own = description.parameters.map { ObjectIdentifier($0) }
            // Tied layers may well name the same parameter: neither gets a block for it.
            guard own.allSatisfy({ !claimed.contains($0) || owners[$0, default: []].count > 1 }) else { return nil }
            claimed.formUnion(own)
            return Described(name: name, layer: module, description: description)
        }
    }

    /// A parameter's name in the model.
    func name(of parameter: Parameter) -> String { names[ObjectIdentifier(parameter)] ?? "" }

    /// The layers that hold a parameter.
    func owners(of parameter: Parameter) -> [Module] { owners[ObjectIdentifier(parameter)] ?? [] }

    /// Whether a block can stand for a parameter: one that several layers hold has gradients from all of them, and a
    /// block sees one layer.
    func canHaveBlock(_ parameter: Parameter) -> Bool { owners(of: parameter).count == 1 }
}
