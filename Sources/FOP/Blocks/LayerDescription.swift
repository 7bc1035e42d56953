import FOPCore
import Torch

/// What a layer tells about its parameters, so that Fisher blocks can be made for them: see
/// ``BlockRegistry/register(_:description:)``. Parameters that it does not name go to the fallback rule.
///
/// The layer has to show its input and its output to its observer with
/// ``Torch/Module/observed(input:output:context:)``.
public struct LayerDescription {
    enum Form {
        case structure(LayerStructure, hasWeight: Bool)
        case own(kind: String, make: () -> any FisherBlock)
    }

    /// In the order in which a block packs them.
    let parameters: [Parameter]
    let form: Form

    /// A layer with a weight matrix, however it uses it.
    /// - Parameter geometry: how; it has a bias exactly when one is given.
    public static func weight(
        _ weight: Parameter, bias: Parameter? = nil, geometry: any LayerGeometry
    ) -> LayerDescription {
        LayerDescription(
            parameters: [weight] + [bias].compactMap { $0 }, form: .structure(.weight(geometry), hasWeight: true))
    }

    /// A normalisation's scale and shift. The layer passes what it subtracted and multiplied with to its observer
    /// (``Torch/LayerContext/normalization(mean:inverseStandardDeviation:)``); without that the input itself counts as
    /// normalised.
    public static func scale(
        _ weight: Parameter?, shift bias: Parameter? = nil, over kind: NormalizationKind
    ) -> LayerDescription {
        let parameters = [weight, bias].compactMap { $0 }
        let structure = LayerStructure.scale(
            kind, shape: parameters.first?.shape ?? [], hasWeight: weight != nil, hasBias: bias != nil)
        return LayerDescription(parameters: parameters, form: .structure(structure, hasWeight: weight != nil))
    }

    /// A table of vectors, count x width, that whole numbers choose from.
    /// - Parameter paddingIndex: the vector that gets no gradient.
    public static func embedding(_ weight: Parameter, paddingIndex: Int? = nil) -> LayerDescription {
        let structure = LayerStructure.embedding(
            count: weight.shape[0], width: weight.shape[1], paddingIndex: paddingIndex)
        return LayerDescription(parameters: [weight], form: .structure(structure, hasWeight: true))
    }

    /// A block of one's own. It stands for all of the parameters or, where one of them is frozen or shared, for none.
    /// - Parameters:
    ///   - kind: its name in the coverage table.
    ///   - parameters: in the order of the block's ``FOPCore/FisherBlock/pack(_:)``.
    ///   - make: a new block, without any state.
    public static func block(
        _ kind: String, parameters: [Parameter], make: @escaping () -> any FisherBlock
    ) -> LayerDescription {
        LayerDescription(parameters: parameters, form: .own(kind: kind, make: make))
    }

    /// The names of the kinds of blocks that there are for it, its own one first.
    var kinds: [String] {
        switch form {
        case .structure(let structure, _): structure.kinds.map(\.rawValue)
        case .own(let kind, _): [kind, BlockKind.fallback.rawValue]
        }
    }

    func defaultKind(_ configuration: CurvatureConfiguration) -> String {
        switch form {
        case .structure(let structure, _): structure.defaultKind(configuration).rawValue
        case .own(let kind, _): kind
        }
    }

    /// A new block for some of the parameters; nil where there is none for so few.
    /// - Parameter places: which of them, in order.
    func block(
        _ kind: String, for places: [Int], _ configuration: CurvatureConfiguration
    ) throws -> (any FisherBlock)? {
        switch form {
        case .structure(let structure, let hasWeight):
            guard let kind = BlockKind(rawValue: kind) else { return nil }
            let part = structure.part(
                weight: hasWeight && places.contains(0), bias: places.contains(hasWeight ? 1 : 0))
            return try part.block(kind, configuration)
        case .own(_, let make):
            return places.count == parameters.count ? make() : nil
        }
    }
}
