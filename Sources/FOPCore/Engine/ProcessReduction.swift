import TorchCore

/// What a step is made of, by block: what one process knows, or, once combined, what all of them together know.
public struct StepInput {
    /// The mean gradients of the sub-batches, as V; empty for a block that nothing passed through.
    public var gradients: [[Tensor]]
    /// The mean gradients as whoever drives the engine holds them, averaged over processes already: they count, and
    /// ``gradients`` say how the sub-batches deviate from them. Nil where nobody averages.
    public var means: [Tensor?]?
    /// What ``FisherBlock/takeStatistics(gradientScale:)`` returned; empty where there is none.
    public var statistics: [[Tensor]]
    /// What the statistics cost, 0 where there are none; nil where nobody asks.
    public var statisticsCosts: [Double]?
    /// Whether all of this, and whatever else belongs to the step, is finite: a truth value.
    public var isFinite: Tensor
    /// The type of factors and gradients: what a process has to know that has none of them.
    public var factorType: DType
    /// How many examples there were; nil where it is not known without waiting for the device.
    public var examples: Int?

    public init(
        gradients: [[Tensor]], means: [Tensor?]? = nil, statistics: [[Tensor]], statisticsCosts: [Double]? = nil,
        isFinite: Tensor, factorType: DType = .float32, examples: Int?
    ) {
        self.gradients = gradients
        self.means = means
        self.statistics = statistics
        self.statisticsCosts = statisticsCosts
        self.isFinite = isFinite
        self.factorType = factorType
        self.examples = examples
    }
}

/// How the inputs of a step are combined over processes. A single process has nothing to do.
public protocol ProcessReduction: AnyObject {
    /// How many processes there are.
    var processes: Int { get }

    /// What all processes together know: the same in each of them.
    /// - Parameters:
    ///   - local: what this process knows.
    ///   - blocks: the blocks of the engine, which are the same in every process.
    ///   - due: for which blocks there can be statistics at this step: the same in every process.
    ///   - needsDifference: whether more than the mean of the sub-batches' gradients is asked for.
    func combine(_ local: StepInput, blocks: [any FisherBlock], due: [Bool], needsDifference: Bool) -> StepInput

    /// The elementwise means over all processes, the same bits in each: of gradients outside of any block, of losses.
    /// All of them have to call it, with tensors of the same shapes; types and devices stay.
    func mean(_ tensors: [Tensor]) -> [Tensor]
}

/// One process: what it knows is all.
public final class SingleProcess: ProcessReduction {
    public init() {}
    public var processes: Int { 1 }
    public func combine(
        _ local: StepInput, blocks: [any FisherBlock], due: [Bool], needsDifference: Bool
    ) -> StepInput { local }
    public func mean(_ tensors: [Tensor]) -> [Tensor] { tensors }
}
