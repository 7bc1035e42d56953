import DenseReference
import FOPCore

/// One set of options, for the reference and for the product.
@dynamicMemberLookup public struct Settings {
    public var reference = ReferenceOptions()
    public var sharing = ReferenceSharing.expand

    public init(_ change: (inout Settings) -> Void = { _ in }) { change(&self) }

    /// Options of the reference by name.
    public subscript<Value>(dynamicMember key: WritableKeyPath<ReferenceOptions, Value>) -> Value {
        get { reference[keyPath: key] }
        set { reference[keyPath: key] = newValue }
    }

    /// What the product calls them.
    public var curvature: CurvatureConfiguration {
        var curvature = CurvatureConfiguration()
        curvature.damping = reference.damping
        curvature.emaDecay = reference.emaDecay
        curvature.factorInterval = .every(reference.factorInterval)
        curvature.inverseInterval = .every(reference.inverseInterval)
        curvature.klClip = reference.klClip
        curvature.weightSharing = sharing == .expand ? .expand : .reduce
        curvature.metric = reference.policies.isDamped ? .damped : .fisher
        curvature.beta =
            switch reference.policies.beta {
            case .paper: .paper
            case .zero: .zero
            case .fixed(let value): .fixed(value)
            }
        curvature.eta =
            switch reference.policies.eta {
            case .average: .average
            case .sum: .sum
            case .off: .off
            }
        return curvature
    }
}
