/// Puts a request over settings, and gathers what cannot be read.
struct RequestReader {
    private(set) var settings: TrainingSettings
    private(set) var problems = Problems()
    private let isFresh: Bool

    /// - Parameter isFresh: whether an optimizer that is asked for brings its defaults along.
    init(base: TrainingSettings, isFresh: Bool) {
        settings = base
        self.isFresh = isFresh
    }

    mutating func read(_ request: TrainingRequest) {
        readOptimizer(request)
        readCurvature(request)
        readSchedule(request)
        set(\.model, request.model)
        set(\.dataset, request.dataset)
        if let directory = request.dataDirectory { settings.dataDirectory = directory }
        if let examples = request.examples { settings.examples = examples }
        if let text = request.augment { settings.augmentation = augmentation(text) }
        set(\.batchSize, request.batchSize)
        set(\.epochs, request.epochs)
        if let text = request.target { settings.target = target(text) }
        set(\.labelSmoothing, request.labelSmoothing)
        set(\.seed, request.seed)
        set(\.device, request.device)
        set(\.threads, request.threads)
        set(\.checkpointEvery, request.checkpointEvery)
    }

    private mutating func set<Value>(_ path: WritableKeyPath<TrainingSettings, Value>, _ value: Value?) {
        if let value { settings[keyPath: path] = value }
    }

    private mutating func readOptimizer(_ request: TrainingRequest) {
        if let name = request.optimizer {
            if let kind = OptimizerKind(rawValue: name) {
                if isFresh || kind != settings.optimizer.kind { settings.optimizer = kind.defaults }
            } else {
                problems.require(false, "--optimizer", name, choices(OptimizerKind.allCases.map(\.rawValue)))
            }
        }
        set(\.optimizer.learningRate, request.learningRate)
        set(\.optimizer.momentum, request.momentum)
        set(\.optimizer.weightDecay, request.weightDecay)
    }

    private mutating func readCurvature(_ request: TrainingRequest) {
        let asked: [(String, Bool)] = [
            ("--damping", request.damping != nil), ("--kl-clip", request.klClip != nil),
            ("--factor-interval", request.factorInterval != nil),
            ("--inverse-interval", request.inverseInterval != nil), ("--ema-decay", request.emaDecay != nil),
            ("--beta", request.beta != nil),
        ]
        let kind = settings.optimizer.kind
        guard var curvature = settings.optimizer.curvature else {
            for (option, isAsked) in asked where isAsked {
                problems.add("\(option) is for the optimizers fop and kfac, not for \(kind.rawValue): leave it out")
            }
            return
        }
        if let damping = request.damping { curvature.damping = damping }
        if let text = request.klClip { curvature.klClip = number("--kl-clip", text, none: "none", "a finite number above 0") }
        if let text = request.factorInterval { curvature.factorInterval = interval("--factor-interval", text) }
        if let text = request.inverseInterval { curvature.inverseInterval = interval("--inverse-interval", text) }
        if let emaDecay = request.emaDecay { curvature.emaDecay = emaDecay }
        if let text = request.beta {
            curvature.beta = text == "zero" ? 0 : number("--beta", text, none: "paper", "zero or a finite number")
            if kind == .kfac, curvature.beta != 0 {
                problems.add("--beta is \(text): kfac is FOP with beta zero; use --optimizer fop")
            }
        }
        settings.optimizer.curvature = curvature
    }

    private mutating func readSchedule(_ request: TrainingRequest) {
        if let name = request.schedule {
            if let shape = ScheduleSettings.Shape(rawValue: name) {
                settings.schedule.shape = shape
            } else {
                problems.require(
                    false, "--schedule", name, choices(ScheduleSettings.Shape.allCases.map(\.rawValue)))
            }
        }
        set(\.schedule.warmup, request.warmup)
        if let epochs = request.decayEpochs { settings.schedule.decayEpochs = epochs }
        set(\.schedule.decayFactor, request.decayFactor)
        for (option, isAsked) in [
            ("--decay-epochs", request.decayEpochs != nil), ("--decay-factor", request.decayFactor != nil),
        ] where isAsked && settings.schedule.shape != .step {
            problems.add("\(option) is for --schedule step, not for \(settings.schedule.shape.rawValue): leave it out")
        }
    }

    private mutating func augmentation(_ text: String) -> AugmentationSettings {
        var augmentation = AugmentationSettings()
        for word in text == "none" ? [] : text.split(separator: ",", omittingEmptySubsequences: false) {
            switch word {
            case "crop": augmentation.crops = true
            case "flip": augmentation.flips = true
            default:
                problems.require(false, "--augment", text, "crop, flip, crop,flip or none")
                return augmentation
            }
        }
        return augmentation
    }

    private mutating func target(_ text: String) -> Double? {
        if text == "none" { return nil }
        let isPercentage = text.hasSuffix("%")
        guard let value = Double(isPercentage ? text.dropLast() : text[...]) else {
            // The range is checked with all others; what is no number at all, here.
            problems.require(
                false, "--target", text,
                "a fraction above 0 and at most 1 such as 0.9, a percentage such as 90%, or none")
            return nil
        }
        return isPercentage ? value / 100 : value
    }

    private mutating func interval(_ option: String, _ text: String) -> Int? {
        if text == "auto" { return nil }
        if let steps = Int(text) { return steps }
        problems.require(false, option, text, "a whole number of 1 or more, or auto")
        return nil
    }

    /// A number, or nil for the word that stands for none.
    private mutating func number(_ option: String, _ text: String, none word: String, _ legal: String) -> Double? {
        if text == word { return nil }
        if let value = Double(text) { return value }
        problems.require(false, option, text, "\(word), \(legal)")
        return nil
    }
}
