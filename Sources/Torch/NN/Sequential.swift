import TorchCore

/// Layers one after the other; they are named "0", "1", ….
public final class Sequential: Module, Layer {
    /// The layers in their order.
    public let layers: [any Layer]

    /// Layers from a list.
    public init(_ layers: [any Layer]) {
        self.layers = layers
        super.init()
    }

    /// The layers as they are written down.
    public convenience init(_ layers: any Layer...) { self.init(layers) }

    public override var children: [(name: String, part: ModulePart)] {
        layers.enumerated().map { ("\($0)", .module($1)) }
    }

    public func callAsFunction(_ input: Tensor) -> Tensor { layers.reduce(input) { $1($0) } }
}

/// `body(x) + shortcut(x)`; without a shortcut `body(x) + x`.
public final class Residual: Module, Layer {
    /// What the sum adds to the input.
    public let body: any Layer
    /// What the input passes through beside the body, where shapes differ.
    public let shortcut: (any Layer)?

    /// A body with what stands beside it.
    public init(_ body: any Layer, shortcut: (any Layer)? = nil) {
        self.body = body
        self.shortcut = shortcut
        super.init()
    }

    public func callAsFunction(_ input: Tensor) -> Tensor { body(input) + (shortcut?(input) ?? input) }
}
