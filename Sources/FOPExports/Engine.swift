import FOPCore
import Glibc
import Synchronization
import TorchCore

/// One optimizer's mathematics behind a number, as Python holds it. Its blocks change between steps only.
final class Engine {
    let configuration: CurvatureConfiguration
    let intervals: IntervalBox
    private(set) var names: [String] = []
    private var blocks: [Block] = []
    private var built: FisherPreconditioner?
    private var checks: [GradientCheck] = []
    private var pass = PassKind.gradients

    /// A block, and what has to be computed for its records.
    struct Block {
        let fisher: any FisherBlock
        var statistics: NormalizationStatistics?
        /// How many dimensions its inputs have at least, the examples among them.
        var leastRank = 2
    }

    init(_ settings: EngineSettings) {
        configuration = settings.configuration
        intervals = settings.intervals
    }

    /// - Returns: its index.
    func add(_ block: Block, name: String) throws -> Int {
        try requireNothingGathered()
        blocks.append(block)
        checks.append(GradientCheck(block.fisher))
        names.append(name)
        followBlocks()
        return blocks.count - 1
    }

    /// Keeps these blocks alone, in this order and with their curvature. What was found out about their gradients may no
    /// longer hold, so the first ones are looked at again.
    func retain(_ indices: [Int]) throws {
        try requireNothingGathered()
        (blocks, names) = (try indices.map { try block($0) }, indices.map { names[$0] })
        checks = blocks.map { GradientCheck($0.fisher) }
        followBlocks()
    }

    private func requireNothingGathered() throws {
        guard let built, built.hasGathered else { return }
        throw TorchError.invalidValue("blocks change between steps, and gradients were gathered for the next")
    }

    private func followBlocks() {
        built?.replaceBlocks(blocks.map(\.fisher), totalsFollow: Set(blocks.indices))
    }

    /// Made when it is first needed.
    var preconditioner: FisherPreconditioner {
        if let built { return built }
        let made = FisherPreconditioner(
            blocks: blocks.map(\.fisher), configuration: configuration, totalsFollow: true)
        // Python takes the scale out again before it records.
        made.curvaturePassScale = 1
        built = made
        return made
    }

    func beginPass(_ kind: PassKind) {
        pass = kind
        preconditioner.beginPass(kind)
    }

    /// Takes in what a backward pass brought to a layer.
    func record(_ record: LayerRecord, block index: Int) {
        if pass == .gradients { checks[index].add(record) }
        preconditioner.record(record, block: index)
    }

    /// Takes in the gradients of a block's parameters of the whole micro-batch.
    /// - Returns: whether they are what the records say, where that was looked at.
    func complete(_ gradients: [Tensor], block index: Int) -> Bool {
        guard checks[index].agrees(with: gradients) else {
            discard(block: index)
            return false
        }
        preconditioner.complete(gradients, block: index)
        return true
    }

    /// Lets go of what was gathered since the last step: of one block, or of all.
    func discard(block index: Int? = nil) {
        guard let index else {
            for index in checks.indices { checks[index].discard() }
            return preconditioner.discard()
        }
        checks[index].discard()
        preconditioner.discard(block: index)
    }

    func block(_ index: Int) throws -> Block {
        guard blocks.indices.contains(index) else {
            throw TorchError.invalidValue("there is no block \(index): the engine has \(blocks.count)")
        }
        return blocks[index]
    }
}

/// The engines that are alive, by number. Each is used by one thread at a time.
final class EngineStore: Sendable {
    static let shared = EngineStore()

    private struct State {
        var engines: [Int: Guarded] = [:]
        var next = 1
    }

    /// An engine with its own lock: a backward pass over several devices calls from several threads.
    private final class Guarded: @unchecked Sendable {
        private let engine: Engine
        private let turn = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

        init(_ engine: Engine) {
            self.engine = engine
            pthread_mutex_init(turn, nil)
        }

        deinit {
            pthread_mutex_destroy(turn)
            turn.deallocate()
        }

        func use<Result>(_ body: (Engine) throws -> Result) rethrows -> Result {
            pthread_mutex_lock(turn)
            defer { pthread_mutex_unlock(turn) }
            return try body(engine)
        }
    }

    private let state = Mutex(State())

    func insert(_ settings: EngineSettings) -> Int {
        let guarded = Guarded(Engine(settings))
        return state.withLock { state in
            defer { state.next += 1 }
            state.engines[state.next] = guarded
            return state.next
        }
    }

    func remove(_ number: Int) { state.withLock { $0.engines[number] = nil } }

    func use<Result>(_ number: Int, _ body: (Engine) throws -> Result) throws -> Result {
        guard let engine = state.withLock({ $0.engines[number] }) else {
            throw TorchError.invalidValue("there is no engine \(number): it was deleted")
        }
        return try engine.use(body)
    }
}
