import FOP
import FOPCore
import Glibc

extension CurvatureSettings {
    /// As the optimizer takes it.
    /// - Parameters:
    ///   - steps: how many steps the run has.
    ///   - batchSize: how many examples each has.
    public func configuration(steps: Int, batchSize: Int) -> CurvatureConfiguration {
        var configuration = CurvatureConfiguration()
        configuration.damping = damping
        configuration.dampingPolicy = policy(steps: steps, batchSize: batchSize)
        configuration.fisher =
            switch fisher {
            case .empirical: .empirical
            case .monteCarlo: .monteCarlo(samples: fisherSamples)
            case .exact: .exact
            }
        configuration.emaDecay = emaDecay
        configuration.factorInterval = factorInterval.map { .every($0) } ?? .automatic
        configuration.inverseInterval = inverseInterval.map { .every($0) } ?? .automatic
        configuration.staggersCurvature = staggersCurvature
        configuration.factorExamples =
            switch factorExamples {
            case .automatic: .automatic
            case .all: .all
            case .atMost(let count): .atMost(count)
            }
        configuration.block =
            switch block {
            case .kronecker: .kronecker
            case .ekfac: .ekfac
            case .diagonal: .diagonal
            case .fallback: .fallback
            }
        configuration.maximumFactorSize = maximumFactorSize
        configuration.maximumVocabulary = maximumVocabulary
        configuration.weightSharing = weightSharing == .expand ? .expand : .reduce
        configuration.subBatches = subBatches
        configuration.split =
            switch split {
            case .automatic: .automatic
            case .example: .example
            case .microBatch: .microBatch
            }
        configuration.beta =
            switch beta {
            case nil: .paper
            case 0: .zero
            case let value?: .fixed(value)
            }
        configuration.eta =
            switch eta {
            case .average: .average
            case .sum: .sum
            case .off: .off
            }
        configuration.metric = metric == .fisher ? .fisher : .damped
        configuration.klClip = klClip
        return configuration
    }

    /// The damping that a run of a batch size starts with.
    public func startingDamping(batchSize: Int) -> Double { damping ?? automaticDamping(batchSize: batchSize) }

    private func policy(steps: Int, batchSize: Int) -> DampingPolicy {
        switch dampingPolicy {
        case .fixed: return .fixed
        case .scheduled:
            let start = startingDamping(batchSize: batchSize)
            let end = (finalDamping ?? start / 10) / start
            let last = Double(max(1, steps - 1))
            return .scheduled { pow(end, min(Double($0) / last, 1)) }
        case .adaptive:
            var rule = AdaptiveDamping()
            (rule.interval, rule.decay) = (adaptive.interval, adaptive.decay)
            (rule.minimum, rule.maximum) = (adaptive.minimum, adaptive.maximum)
            return .adaptive(rule)
        }
    }

    /// How parameters without a Fisher block are updated.
    func fallbackOptions(isTransformer: Bool) -> FallbackOptions {
        let usesAdamW = fallback == .adamw || fallback == .automatic && isTransformer
        return FallbackOptions(
            rule: usesAdamW ? .adamW() : .sgd, learningRateScale: fallbackRate ?? (usesAdamW ? 0.03 : 1))
    }
}
