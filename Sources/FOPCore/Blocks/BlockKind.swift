/// The kinds of Fisher blocks that come with the package.
public enum BlockKind: String, CaseIterable, Codable, Sendable, CustomStringConvertible {
    /// F = G (x) A (Martens & Grosse 2015): ``KroneckerBlock``, ``SplitKroneckerBlock`` above a size cap, and
    /// ``EmbeddingBlock``, whose A is diagonal. The default of layers with a weight.
    case kronecker
    /// The eigenbasis of the Kronecker factors with second moments of its own (George et al. 2018):
    /// ``EigenbasisBlock``.
    case ekfac
    /// The mean squares of each example's own gradient: ``DiagonalBlock``.
    case diagonal
    /// A small matrix per unit of a scale and a shift: ``UnitWiseBlock``. The default of normalisations.
    case unitWise = "unit-wise"
    /// No block: the parameters are updated by the fallback rule.
    case fallback

    public var description: String { rawValue }
}
