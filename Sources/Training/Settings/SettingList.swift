import Datasets
import Models
import Torch

extension Setting {
    /// All options of a run. An option comes after those that decide whether it has a meaning.
    static var all: [Setting] {
        data + optimizer + baselines + schedule + curvature + damping + projection + loop + numerics + machine
    }

    private static var data: [Setting] {
        let models = ModelRegistry.standard.names
        return [
            Setting("--model", \.model, .name(of: models)),
            Setting("--dataset", \.dataset, .name(of: DatasetKind.allCases.map(\.rawValue))),
            Setting("--data", \.dataDirectory, SettingFormat.text.or("none"), canChange: true),
            Setting("--examples", \.examples, SettingFormat.count().or("all")),
            Setting("--augment", \.augmentation, .augmentation),
        ]
    }

    private static var optimizer: [Setting] {
        [
            Setting(SettingScope.optimizerOption, \.optimizerKind, .word),
            Setting("--learning-rate", \.optimizer.learningRate, .positive, followsOptimizer: true),
            Setting("--base-batch-size", \.optimizer.baseBatchSize, SettingFormat.count().or("none")),
            Setting("--momentum", \.optimizer.momentum, .share, followsOptimizer: true),
            Setting("--weight-decay", \.optimizer.weightDecay, .nonNegative, followsOptimizer: true),
        ]
    }

    private static var baselines: [Setting] {
        [
            Setting("--second-beta", \.optimizer.secondBeta!, .share, for: .optimizers(.adamw, .lamb, .shampoo, .soap)),
            Setting("--epsilon", \.optimizer.epsilon!, .positive, for: .optimizers(.adamw, .lamb, .soap)),
            Setting("--nesterov", \.optimizer.nesterov!, .onOff, for: .optimizers(.sgd, .shampoo, .muon)),
            Setting("--matrix-interval", \.optimizer.matrixInterval!, .count(), for: .optimizers(.shampoo, .soap)),
            Setting("--grafting", \.optimizer.grafting!, .word, for: .optimizers(.shampoo)),
            Setting("--adamw-learning-rate", \.optimizer.adamWLearningRate!, .positive, for: .optimizers(.muon)),
        ]
    }

    private static var schedule: [Setting] {
        [
            Setting("--schedule", \.schedule.shape, .word),
            Setting(
                "--warmup", \.schedule.warmup,
                .number("a number of epochs from 0 to --epochs") { $0 >= 0 && $0.isFinite }),
            Setting(
                "--decay-epochs", \.schedule.decayEpochs, SettingFormat.epochs.or("auto"),
                for: .schedules(.step, .multiStep)),
            Setting(
                "--decay-factor", \.schedule.decayFactor, SettingFormat.factor.or("auto"),
                for: .schedules(.step, .multiStep, .exponential, .plateau)),
            Setting(
                "--final-share", \.schedule.finalShare, .share, for: .schedules(.cosine, .linear, .plateau)),
            Setting("--cycle-rise", \.schedule.cycleRise, .share, for: .schedules(.oneCycle)),
            Setting("--patience", \.schedule.patience, .count(atLeast: 0), for: .schedules(.plateau)),
            Setting("--plateau-metric", \.schedule.plateauMetric, .word, for: .schedules(.plateau)),
        ]
    }

    private static var curvature: [Setting] {
        let interval = SettingFormat.count().or("auto")
        return [
            Setting("--fisher", \.optimizer.curvature!.fisher, .word, for: .curvature),
            Setting("--fisher-samples", \.optimizer.curvature!.fisherSamples, .count(), for: .curvature, .monteCarlo),
            Setting("--weight-sharing", \.optimizer.curvature!.weightSharing, .word, for: .curvature),
            Setting("--factor-interval", \.optimizer.curvature!.factorInterval, interval, for: .curvature),
            Setting("--inverse-interval", \.optimizer.curvature!.inverseInterval, interval, for: .curvature),
            Setting("--stagger-curvature", \.optimizer.curvature!.staggersCurvature, .onOff, for: .curvature),
            Setting("--factor-examples", \.optimizer.curvature!.factorExamples, .factorExamples, for: .curvature),
            Setting("--ema-decay", \.optimizer.curvature!.emaDecay, .share, for: .curvature),
            Setting("--block", \.optimizer.curvature!.block, .word, for: .curvature),
            Setting("--max-factor-size", \.optimizer.curvature!.maximumFactorSize, .count(), for: .curvature),
            Setting("--max-vocabulary", \.optimizer.curvature!.maximumVocabulary, .count(atLeast: 0), for: .curvature),
        ]
    }

    private static var damping: [Setting] {
        [
            Setting("--damping", \.optimizer.curvature!.damping, SettingFormat.positive.or("auto"), for: .curvature),
            Setting("--damping-policy", \.optimizer.curvature!.dampingPolicy, .word, for: .curvature),
            Setting(
                "--final-damping", \.optimizer.curvature!.finalDamping, SettingFormat.positive.or("auto"),
                for: .curvature, .dampingPolicy(.scheduled)),
            Setting(
                "--damping-interval", \.optimizer.curvature!.adaptive.interval, .count(), for: .curvature,
                .dampingPolicy(.adaptive)),
            Setting(
                "--damping-decay", \.optimizer.curvature!.adaptive.decay,
                .number("a number between 0 and 1") { $0 > 0 && $0 < 1 }, for: .curvature, .dampingPolicy(.adaptive)),
            Setting(
                "--minimum-damping", \.optimizer.curvature!.adaptive.minimum, .nonNegative, for: .curvature,
                .dampingPolicy(.adaptive)),
            Setting(
                "--maximum-damping", \.optimizer.curvature!.adaptive.maximum, .positive, for: .curvature,
                .dampingPolicy(.adaptive)),
        ]
    }

    private static var projection: [Setting] {
        [
            Setting("--beta", \.optimizer.curvature!.beta, .beta, for: .curvature),
            Setting("--eta", \.optimizer.curvature!.eta, .word, for: .optimizers(.fop)),
            Setting("--metric", \.optimizer.curvature!.metric, .word, for: .optimizers(.fop)),
            Setting("--sub-batches", \.optimizer.curvature!.subBatches, .count(atLeast: 2), for: .optimizers(.fop)),
            Setting("--split", \.optimizer.curvature!.split, .word, for: .optimizers(.fop)),
            Setting("--kl-clip", \.optimizer.curvature!.klClip, SettingFormat.positive.or("none"), for: .curvature),
            Setting("--fallback", \.optimizer.curvature!.fallback, .word, for: .curvature),
            Setting(
                "--fallback-rate", \.optimizer.curvature!.fallbackRate, SettingFormat.positive.or("auto"),
                for: .curvature),
        ]
    }

    private static var loop: [Setting] {
        [
            Setting(
                "--batch-size", \.batchSize, .count("a whole number from 1 to the number of training images")),
            Setting("--micro-batches", \.microBatches, .count("a whole number from 1 to --batch-size")),
            Setting("--slice-size", \.sliceSize, SettingFormat.count().or("none")),
            Setting("--epochs", \.epochs, .count(atMost: 1_000_000), canChange: true),
            Setting("--target", \.target, SettingFormat.accuracy.or("none"), canChange: true),
            Setting("--label-smoothing", \.labelSmoothing, .share),
            Setting("--weight-average", \.weightAverage, SettingFormat.share.or("none")),
            Setting("--seed", \.seed, .seed),
            Setting("--checkpoint-every", \.checkpointEvery, .count(), canChange: true),
            Setting(
                "--diagnostics", \.diagnostics, SettingFormat.stepsOrEpoch.or("none"), for: .curvature, canChange: true),
        ]
    }

    private static var numerics: [Setting] {
        [
            Setting("--precision", \.precision, .word),
            Setting("--clip-norm", \.clipNorm, SettingFormat.positive.or("none")),
            Setting("--max-skipped", \.maximumSkippedSteps, .count()),
        ]
    }

    private static var machine: [Setting] {
        let threads = TorchRuntime.threadCounts
        return [
            Setting("--device", \.device, .text, canChange: true),
            Setting(
                "--threads", \.threads, .count(atLeast: threads.lowerBound, atMost: threads.upperBound),
                canChange: true),
        ]
    }
}

extension TrainingSettings {
    /// The optimizer's name. Another one brings its own numbers.
    fileprivate var optimizerKind: OptimizerKind {
        get { optimizer.kind }
        set {
            guard newValue != optimizer.kind else { return }
            let baseBatchSize = optimizer.baseBatchSize
            optimizer = newValue.defaults
            optimizer.baseBatchSize = baseBatchSize
        }
    }
}
