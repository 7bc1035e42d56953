import FOPCore
import Torch

/// Which Fisher block stands for which parameters. The order is: what was asked for the parameter, then for its kind of
/// layer, then the default, ``FOPCore/CurvatureConfiguration/block``.
///
/// ```swift
/// options.blocks.use(.diagonal, forParameter: "head.weight")
/// options.blocks.use(.ekfac, for: Linear.self)
/// options.blocks.register(MyLayer.self) { layer in
///     .weight(layer.weight, geometry: LinearGeometry(outputs: 8, features: 4, hasBias: false))
/// }
/// ```
///
/// Parameters of layers that nothing is registered for, and those that several layers share, are updated by the
/// fallback rule. A name or a kind of layer that the model does not have is an error when the optimizer is made, and so
/// is a block that does not fit.
public struct BlockRegistry: Equatable, Sendable {
    private(set) var layers = Self.standardLayers
    private(set) var layerRules: [LayerRule] = []
    private(set) var parameterRules: [String: BlockKind] = [:]

    /// The layers of this package, each with the block of its own.
    public init() {}

    /// Asks for a kind of block for one parameter.
    /// - Parameter name: as in ``Torch/Module/namedParameters``.
    public mutating func use(_ kind: BlockKind, forParameter name: String) { parameterRules[name] = kind }

    /// Asks for a kind of block for all layers of a type and of its subclasses; the latest call counts.
    public mutating func use<Kind: Module>(_ kind: BlockKind, for layer: Kind.Type) {
        layerRules.append(LayerRule(kind: kind, layer: LayerType(layer)))
    }

    /// Makes a type of layer known, or describes a known one anew; subclasses are included, the latest call counts.
    /// - Parameter description: what the layer's parameters are to the curvature. Called once per layer, when the
    ///   optimizer is made; the shapes of the parameters must not change afterwards.
    public mutating func register<Kind: Module>(
        _ layer: Kind.Type, description: @escaping @Sendable (Kind) -> LayerDescription
    ) {
        layers.append(RegisteredLayer(layer, description))
    }

    /// What is known about a layer; nil if nothing.
    func description(of layer: Module) -> LayerDescription? {
        layers.last { $0.type.includes(layer) }?.describe(layer)
    }

    /// The kind of block that was asked for, for a parameter of a layer.
    func kind(of parameter: String, in layer: Module) -> BlockKind? {
        parameterRules[parameter] ?? layerRules.last { $0.layer.includes(layer) }?.kind
    }
}

/// A kind of block for a kind of layer.
struct LayerRule: Equatable, Sendable {
    let kind: BlockKind
    let layer: LayerType
}

/// A class of layers.
struct LayerType: Equatable, Sendable {
    let name: String
    let includes: @Sendable (Module) -> Bool
    private let identity: ObjectIdentifier

    init<Kind: Module>(_ type: Kind.Type) {
        name = "\(type)"
        identity = ObjectIdentifier(type)
        includes = { $0 is Kind }
    }

    static func == (one: LayerType, other: LayerType) -> Bool { one.identity == other.identity }
}

/// A class of layers and how to describe them. Two are equal when one is a copy of the other.
struct RegisteredLayer: Equatable, Sendable {
    private final class Body: Sendable {
        let describe: @Sendable (Module) -> LayerDescription?
        init(_ describe: @escaping @Sendable (Module) -> LayerDescription?) { self.describe = describe }
    }

    let type: LayerType
    private let body: Body

    init<Kind: Module>(_ type: Kind.Type, _ describe: @escaping @Sendable (Kind) -> LayerDescription) {
        self.type = LayerType(type)
        body = Body { ($0 as? Kind).map(describe) }
    }

    func describe(_ layer: Module) -> LayerDescription? { body.describe(layer) }

    static func == (one: RegisteredLayer, other: RegisteredLayer) -> Bool { one.body === other.body }
}
