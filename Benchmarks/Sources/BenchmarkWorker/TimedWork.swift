import ArgumentParser

/// What is run, and how: the options that all commands that take steps have in common.
struct TimedNetwork: ParsableArguments {
    @Option(help: "On what: \(NetworkKind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var model: NetworkKind
    @Option(help: "Steps from one update of curvature and inverses to the next.")
    var interval = 10
    @Option(help: "Threads of the operators.")
    var threads = 2
    @Option(help: "Channels of the model 'tower'.")
    var width = 32
    @Option(help: "Convolutions of the model 'tower' after the first.")
    var depth = 4

    func validate() throws {
        try checkNumbers([("interval", interval, 1), ("threads", threads, 1), ("width", width, 1), ("depth", depth, 1)])
    }
}

/// Whose steps, and how many: of commands with one contender.
struct TimedWork: ParsableArguments {
    @Option(help: "Whose steps: \(Contender.allCases.map(\.rawValue).joined(separator: ", ")).")
    var contender: Contender
    @Option(help: "Steps that are timed: a whole number of intervals.")
    var steps = 10

    func validate() throws { try checkNumbers([("steps", steps, 1)]) }
}

/// Names the first number that is too small.
func checkNumbers(_ numbers: [(name: String, value: Int, least: Int)]) throws {
    for (name, value, least) in numbers where value < least {
        throw ValidationError("--\(name) is \(value): use a whole number of \(least) or more")
    }
}
