import FOPCore
import Torch

/// Which blocks there are at the moment, and which parameters are left to the fallback rule. It follows what is frozen:
/// parameters that do not train have no block, and get one when they are unfrozen.
struct BlockPlan {
    let candidates: [LayerCandidate]
    private(set) var blocks: [LayerBlock] = []
    /// The parameters without a block, frozen ones among them.
    private(set) var others: [(name: String, parameter: Parameter)] = []

    private let configuration: CurvatureConfiguration
    private let parameters: [(name: String, parameter: Parameter)]
    private var training: [Bool] = []
    /// Parameters that no block can stand for, as has turned out.
    private var excluded = Set<ObjectIdentifier>()

    /// - Throws: ``TorchError/invalidValue(_:)`` for what the registry asks for and the model does not have.
    init(_ model: Module, _ registry: BlockRegistry, _ configuration: CurvatureConfiguration) throws {
        let layers = ModelLayers(model, registry)
        try throwProblems(registry.problems(layers))
        self.configuration = configuration
        parameters = layers.parameters
        candidates = layers.described.map { layer in
            let kinds = layer.description.parameters.map { parameter -> String? in
                guard layers.canHaveBlock(parameter) else { return nil }
                let kind = registry.kind(of: layers.name(of: parameter), in: layer.layer)?.rawValue
                let chosen = kind ?? layer.description.defaultKind(configuration)
                return chosen == BlockKind.fallback.rawValue ? nil : chosen
            }
            return LayerCandidate(
                name: layer.name, layer: layer.layer, description: layer.description,
                parameters: zip(layer.description.parameters, kinds).map { (layers.name(of: $0), $0, $1) })
        }
        try update()
    }

    /// Looks at what trains now.
    /// - Returns: whether that has changed the blocks. Those of layers where nothing changed are the same objects.
    @discardableResult mutating func update() throws -> Bool {
        let now = parameters.map(\.parameter.requiresGradient)
        guard now != training else { return false }
        training = now
        try makeBlocks()
        return true
    }

    /// Leaves the parameters of these blocks to the fallback rule from now on.
    mutating func exclude(_ indices: [Int]) throws {
        guard !indices.isEmpty else { return }
        for index in indices { excluded.formUnion(blocks[index].parameters.map { ObjectIdentifier($0.parameter) }) }
        try makeBlocks()
    }

    private mutating func makeBlocks() throws {
        let before = blocks
        blocks = try candidates.flatMap { try $0.blocks(configuration, excluding: excluded) }.map { new in
            before.first { $0.standsForTheSame(as: new) } ?? new
        }
        let covered = Set(blocks.flatMap(\.parameters).map { ObjectIdentifier($0.parameter) })
        others = parameters.filter { !covered.contains(ObjectIdentifier($0.parameter)) }
    }

    /// The model's parameters and what stands for each of them at the moment: a kind of block, the fallback rule, or
    /// nothing where it is frozen.
    var layout: StateLayout {
        var kinds: [ObjectIdentifier: String] = [:]
        for block in blocks {
            for (_, parameter) in block.parameters { kinds[ObjectIdentifier(parameter)] = block.kind }
        }
        return StateLayout(
            parameters.map { name, parameter in
                let kind = kinds[ObjectIdentifier(parameter)]
                let other = parameter.requiresGradient ? BlockKind.fallback.rawValue : "frozen"
                return .init(name: name, shape: parameter.shape, treatment: kind ?? other)
            })
    }

    /// Where each layer's blocks are.
    var indices: [ObjectIdentifier: [Int]] {
        Dictionary(grouping: blocks.indices, by: { ObjectIdentifier(blocks[$0].layer) })
    }
}

extension LayerBlock {
    fileprivate func standsForTheSame(as other: LayerBlock) -> Bool {
        layer === other.layer && kind == other.kind && parameters.count == other.parameters.count
            && zip(parameters, other.parameters).allSatisfy { $0.parameter === $1.parameter }
    }
}
