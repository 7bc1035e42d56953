import Torch

/// Models by name: what `--model` can be.
///
/// ```swift
/// var models = ModelRegistry.standard
/// models.register("mine", summary: "…") { shape, classes, generator in … }
/// let model = try models.make("resnet", inputShape: [1, 28, 28], classes: 10, generator: Generator(seed: 0))
/// ```
public struct ModelRegistry: Sendable {
    /// Makes a model for inputs of a shape (without the batch's dimension), a number of classes and a source of
    /// weights.
    public typealias Constructor = @Sendable (_ inputShape: [Int], _ classes: Int, Generator) throws -> any Layer

    private struct Entry: Sendable {
        let summary: String
        let make: Constructor
    }

    private var entries: [String: Entry] = [:]

    /// Without models; ``standard`` has this package's.
    public init() {}

    /// Adds a model or replaces the one of that name.
    /// - Parameter summary: a few words for listings.
    public mutating func register(_ name: String, summary: String, _ make: @escaping Constructor) {
        entries[name] = Entry(summary: summary, make: make)
    }

    /// The names, sorted.
    public var names: [String] { entries.keys.sorted() }

    /// The few words on a model, or nil.
    public func summary(of name: String) -> String? { entries[name]?.summary }

    /// Makes a model.
    /// - Throws: `TorchError.invalidValue` for a name that is not known, with those that are, and for an input that the
    ///   model cannot take.
    public func make(
        _ name: String, inputShape: [Int], classes: Int, generator: Generator = .default
    ) throws -> any Layer {
        guard let entry = entries[name] else {
            throw TorchError.invalidValue("model '\(name)' is not known: use \(names.joined(separator: ", "))")
        }
        guard classes > 0 else { throw TorchError.invalidValue("\(classes) classes: at least 1 is needed") }
        return try entry.make(inputShape, classes, generator)
    }
}

extension ModelRegistry {
    /// The models of this package.
    public static let standard: ModelRegistry = {
        var models = ModelRegistry()
        models.register("mlp", summary: "perceptron, hidden layers of 128 and 64") { shape, classes, generator in
            MultilayerPerceptron(inputs: shape.reduce(1, *), classes: classes, generator: generator)
        }
        models.register("cnn", summary: "three strided convolutions, 16-32-64") { shape, classes, generator in
            ConvNet(channels: try picture(shape, for: "cnn").channels, classes: classes, generator: generator)
        }
        models.register("resnet", summary: "residual network, 9 convolutions, 16-32-64") { shape, classes, generator in
            ResidualNetwork(
                channels: try picture(shape, for: "resnet").channels, classes: classes, generator: generator)
        }
        models.register("vit", summary: "vision transformer, 4 blocks of width 64") { shape, classes, generator in
            let (channels, height, width) = try picture(shape, for: "vit")
            guard height % 4 == 0, width % 4 == 0 else {
                throw TorchError.invalidValue(
                    "vit cuts pictures into patches of 4 x 4: \(height) x \(width) does not divide")
            }
            return VisionTransformer(
                channels: channels, size: (height, width), classes: classes, generator: generator)
        }
        return models
    }()

    private static func picture(
        _ shape: [Int], for name: String
    ) throws -> (channels: Int, height: Int, width: Int) {
        guard shape.count == 3 else {
            throw TorchError.invalidValue("\(name) takes channels x height x width, the inputs have shape \(shape)")
        }
        return (shape[0], shape[1], shape[2])
    }
}
