import TorchCore

/// What a layer is to the curvature: all that is needed to make a Fisher block for it, whichever library the layer
/// itself is from.
public enum LayerStructure {
    /// A weight, and as the last column of V the bias if the geometry has one.
    case weight(any LayerGeometry)
    /// The scale and the shift of a normalisation.
    /// - Parameter shape: of each of the two.
    case scale(NormalizationKind, shape: [Int], hasWeight: Bool, hasBias: Bool)
    /// A table of `count` vectors.
    /// - Parameter paddingIndex: the vector that gets no gradient.
    case embedding(count: Int, width: Int, paddingIndex: Int?)

    /// The kinds of blocks that fit, the structure's own one first.
    public var kinds: [BlockKind] {
        switch self {
        case .weight: [.kronecker, .ekfac, .diagonal, .fallback]
        case .scale: [.unitWise, .fallback]
        case .embedding: [.kronecker, .fallback]
        }
    }

    /// The kind of block where nobody asked for another: the configuration's where it fits, and none for tables and
    /// heads (linear layers) with more rows than ``CurvatureConfiguration/maximumVocabulary``.
    public func defaultKind(_ configuration: CurvatureConfiguration) -> BlockKind {
        switch self {
        case .weight(let geometry as LinearGeometry) where geometry.outputs > configuration.maximumVocabulary: .fallback
        case .embedding(let count, _, _) where count > configuration.maximumVocabulary: .fallback
        default: kinds.contains(configuration.block) ? configuration.block : kinds[0]
        }
    }

    /// What is left with the weight alone or the bias alone.
    public func part(weight: Bool, bias: Bool) -> LayerStructure {
        switch self {
        case .weight(let geometry) where geometry.hasBias && !bias: .weight(WeightGeometry(geometry))
        case .weight(let geometry) where geometry.hasBias && !weight: .weight(BiasGeometry(geometry))
        case .scale(let kind, let shape, let hasWeight, let hasBias):
            .scale(kind, shape: shape, hasWeight: hasWeight && weight, hasBias: hasBias && bias)
        default: self
        }
    }

    /// A new block.
    /// - Throws: ``TorchError/invalidValue(_:)`` for a kind that does not fit, ``BlockKind/fallback`` among them: that
    ///   is none.
    public func block(_ kind: BlockKind, _ configuration: CurvatureConfiguration) throws -> any FisherBlock {
        switch (self, kind) {
        case (.weight(let geometry), .kronecker):
            let maximum = configuration.maximumFactorSize
            guard max(geometry.inputs, geometry.outputs) > maximum else {
                return KroneckerBlock(geometry, weightSharing: configuration.weightSharing)
            }
            return SplitKroneckerBlock(geometry, weightSharing: configuration.weightSharing, maximumSize: maximum)
        case (.weight(let geometry), .ekfac):
            return EigenbasisBlock(
                geometry, weightSharing: configuration.weightSharing, maximumSize: configuration.maximumFactorSize)
        case (.weight(let geometry), .diagonal):
            return DiagonalBlock(geometry)
        case (.embedding(let count, let width, let paddingIndex), .kronecker):
            return EmbeddingBlock(count: count, width: width, paddingIndex: paddingIndex)
        case (.scale(let kind, let shape, let hasWeight, let hasBias), .unitWise):
            return UnitWiseBlock(kind, parameterShape: shape, hasWeight: hasWeight, hasBias: hasBias)
        default:
            let legal = kinds.filter { $0 != .fallback }.map(\.rawValue).joined(separator: ", ")
            throw TorchError.invalidValue("there is no block of kind \(kind) for \(name): use \(legal)")
        }
    }

    private var name: String {
        switch self {
        case .weight: "a layer with a weight"
        case .scale: "a scale and a shift"
        case .embedding: "an embedding"
        }
    }
}
