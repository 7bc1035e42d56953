import TorchCore

/// How curvature is estimated and inverted, and how the step is formed from it.
public struct CurvatureConfiguration: Equatable, Sendable {
    /// Added to the Fisher block, split over its factors; 0 or more. Relative to nothing: it scales with the square of
    /// the loss. Nil, the default, goes by the size of the largest batch so far:
    /// ``automaticDamping(batchSize:)``.
    public var damping: Double?
    /// Whether and how the damping changes during a run.
    public var dampingPolicy = DampingPolicy.fixed
    /// Whose labels the curvature is made of.
    public var fisher = FisherType.empirical
    /// The share rho that the moving average of the factors keeps at an update; 0 to below 1.
    public var emaDecay = 0.9
    /// How often the factors are updated.
    public var factorInterval = Interval.automatic
    /// How often they are inverted.
    public var inverseInterval = Interval.automatic
    /// Whether each block has a step of the interval of its own at which its factors and its inverse are updated, so that
    /// all steps take about the same time, instead of one that updates all of them. Every block is still updated once per
    /// interval. The first update is one of all blocks, as are those of automatic intervals until these have their full
    /// length. With Monte Carlo and exact Fishers most steps then need passes of their own.
    public var staggersCurvature = false
    /// How many examples of a batch enter a factor.
    public var factorExamples = FactorExamples.automatic
    /// The kind of Fisher block of layers that it fits and that nothing else was asked for; the others have their own.
    public var block = BlockKind.kronecker
    /// Kronecker factors of a larger dimension are split into blocks of at most this along their diagonal; 1 or more. A
    /// factor and its inverse take 8 bytes per element, the inversion time that grows with the cube.
    public var maximumFactorSize = 8192
    /// Embeddings of more vectors and linear layers of more outputs are left to the fallback rule, unless a block was
    /// asked for: 0 or more. The default is above the widths of hidden layers and below the vocabularies of language
    /// models.
    public var maximumVocabulary = 30_000
    /// How weight-sharing layers enter the factors.
    public var weightSharing = WeightSharing.expand
    /// How many sub-batches' gradients are compared, k; 2 is the paper's method. Each one more costs an application of
    /// M^-1 per layer.
    public var subBatches = 2
    /// What the sub-batches are.
    public var split = SubBatchSplit.automatic
    /// The weight of the orthogonal correction.
    public var beta = BetaPolicy.paper
    /// The length of the step.
    public var eta = EtaPolicy.average
    /// The matrix for the orthogonality.
    public var metric = ProjectionMetric.fisher
    /// The trust region kappa: the step is shortened so that lr^2 sum <g_avg, d> stays below it. Nil for none.
    public var klClip: Double? = 1e-2
    /// What the loss does with the examples' losses.
    public var lossReduction = LossReduction.mean

    public init() {}

    /// What is out of range, with the legal ranges.
    public var problems: [String] {
        var problems: [String] = []
        func require(_ condition: Bool, _ problem: String) { if !condition { problems.append(problem) } }
        if let damping {
            require(damping >= 0 && damping.isFinite, "damping is \(damping): use a finite number of 0 or more")
        }
        require(emaDecay >= 0 && emaDecay < 1, "emaDecay is \(emaDecay): use a number from 0 to below 1")
        for (name, interval) in [("factorInterval", factorInterval), ("inverseInterval", inverseInterval)] {
            if case .every(let steps) = interval {
                require(steps >= 1, "\(name) is \(steps): use a whole number of 1 or more")
            }
        }
        if case .atMost(let count) = factorExamples {
            require(count >= 1, "factorExamples is \(count): use a whole number of 1 or more")
        }
        if case .fixed(let value) = beta {
            require(value.isFinite, "beta is \(value): use a finite number")
            require(subBatches == 2, "beta is fixed and subBatches is \(subBatches): use 2, or beta .paper or .zero")
        }
        if case .monteCarlo(let samples) = fisher {
            require(samples >= 1, "fisher's samples are \(samples): use a whole number of 1 or more")
        }
        if case .adaptive(let adaptive) = dampingPolicy { problems += adaptive.problems }
        require(
            maximumFactorSize >= 1, "maximumFactorSize is \(maximumFactorSize): use a whole number of 1 or more")
        require(
            maximumVocabulary >= 0, "maximumVocabulary is \(maximumVocabulary): use a whole number of 0 or more")
        require(subBatches >= 2, "subBatches is \(subBatches): use a whole number of 2 or more")
        if let klClip { require(klClip > 0 && klClip.isFinite, "klClip is \(klClip): use a number above 0, or nil") }
        return problems
    }
}
