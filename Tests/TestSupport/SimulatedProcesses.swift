import FOPCore
import Foundation
import Torch

/// Processes that are threads of this one: their sums are taken by rank, so every process gets the same bits.
public final class SimulatedProcesses: @unchecked Sendable {
    public let size: Int
    private let condition = NSCondition()
    private var contributions: [Int: Tensor] = [:]
    private var result: Tensor?
    private var waiting = 0

    public init(_ size: Int) { self.size = size }

    /// Runs `body` once per process, at the same time, and returns the results by rank.
    public func run<Result: Sendable>(_ body: @escaping @Sendable (Group) -> Result) -> [Result] {
        let results = Results<Result>()
        let done = DispatchGroup()
        for rank in 0..<size {
            done.enter()
            let thread = Thread { [self] in
                results.set(rank, body(Group(processes: self, rank: rank)))
                done.leave()
            }
            thread.stackSize = 1 << 23
            thread.start()
        }
        guard done.wait(timeout: .now() + 60) == .success else { fatalError("the simulated processes hang") }
        return results.inOrder
    }

    fileprivate func sum(_ tensor: Tensor, rank: Int) -> Tensor {
        condition.lock()
        defer { condition.unlock() }
        // The last sum is still being fetched.
        while waiting > 0 && contributions.isEmpty { condition.wait() }
        contributions[rank] = tensor
        waiting += 1
        if contributions.count == size {
            precondition(Set(contributions.values.map(\.shape)).count == 1, "the processes send different shapes")
            precondition(Set(contributions.values.map(\.dtype)).count == 1, "the processes send different types")
            result = (1..<size).reduce(contributions[0]!) { $0 + contributions[$1]! }
            contributions = [:]
            condition.broadcast()
        } else {
            while contributions[rank] != nil { condition.wait() }
        }
        waiting -= 1
        let sum = result!
        if waiting == 0 { condition.broadcast() }
        return sum
    }

    /// One process's view.
    public final class Group: ProcessGroup {
        private let processes: SimulatedProcesses
        public let rank: Int
        public private(set) var calls = 0
        public private(set) var elements = 0
        /// Of what was sent.
        public private(set) var types = Set<DType>()

        fileprivate init(processes: SimulatedProcesses, rank: Int) {
            self.processes = processes
            self.rank = rank
        }

        public var size: Int { processes.size }

        public func sum(_ tensor: Tensor) -> Tensor {
            calls += 1
            elements += tensor.count
            types.insert(tensor.dtype)
            return processes.sum(tensor, rank: rank)
        }
    }

    private final class Results<Result: Sendable>: @unchecked Sendable {
        private let lock = NSLock()
        private var values: [Int: Result] = [:]

        func set(_ rank: Int, _ value: Result) { lock.withLock { values[rank] = value } }
        var inOrder: [Result] { lock.withLock { values.sorted { $0.key < $1.key }.map(\.value) } }
    }
}
