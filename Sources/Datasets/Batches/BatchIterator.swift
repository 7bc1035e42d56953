import Dispatch
import Synchronization

/// Hands out the batches of an epoch in order while a background queue prepares the next ones.
///
/// Letting go of it before the end stops the preparation. It is for one thread at a time.
public final class BatchIterator {
    private let make: @Sendable (Int) throws -> Batch
    private let prefetch: Int
    private let end: Int
    /// The next batch to ask the queue for.
    private var nextRequest: Int
    /// Asked for and not handed out, in order.
    private var requests: [Request] = []
    private let isAbandoned = Flag()
    // Serial: batches are made one after another, by one thread.
    private let queue = DispatchQueue(label: "fop.datasets.batches", qos: .userInitiated)

    /// - Parameter make: makes the batch of a number; on the queue, except with a prefetch of 0.
    init(_ batches: Range<Int>, prefetch: Int, make: @escaping @Sendable (Int) throws -> Batch) {
        self.make = make
        self.prefetch = prefetch
        nextRequest = batches.lowerBound
        end = batches.upperBound
        fillQueue()
    }

    deinit {
        isAbandoned.raise()
        // At most the batch in hand: nothing runs on after the iterator is gone.
        queue.sync {}
    }

    /// The next batch, or nil after the last. Waits until it is ready.
    /// - Throws: what went wrong while making it; there are no batches after that.
    public func next() throws -> Batch? {
        do {
            guard prefetch > 0 else { return try makeNow() }
            guard !requests.isEmpty else { return nil }
            let request = requests.removeFirst()
            let batch = try request.wait().get()
            fillQueue()
            return batch
        } catch {
            isAbandoned.raise()
            requests = []
            nextRequest = end
            throw error
        }
    }

    private func makeNow() throws -> Batch? {
        guard nextRequest < end else { return nil }
        defer { nextRequest += 1 }
        return try make(nextRequest)
    }

    private func fillQueue() {
        while requests.count < prefetch, nextRequest < end {
            let request = Request()
            requests.append(request)
            queue.async { [make, isAbandoned, index = nextRequest] in
                guard !isAbandoned.isRaised else { return }
                request.fulfil(Result { try make(index) })
            }
            nextRequest += 1
        }
    }
}

/// A batch that is being made.
private final class Request: Sendable {
    private let result = Mutex<Result<Batch, any Error>?>(nil)
    private let isReady = DispatchSemaphore(value: 0)

    func fulfil(_ value: Result<Batch, any Error>) {
        result.withLock { $0 = value }
        isReady.signal()
    }

    /// Waits for the batch and takes it: called once.
    func wait() -> Result<Batch, any Error> {
        isReady.wait()
        return result.withLock { $0.take()! }
    }
}

/// Something that can happen once, seen from every thread.
private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isRaised: Bool { value.load(ordering: .acquiring) }
    func raise() { value.store(true, ordering: .releasing) }
}
