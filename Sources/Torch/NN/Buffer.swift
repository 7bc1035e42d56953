import Synchronization
import TorchCore

/// A tensor of a layer that training does not change by gradients: running means, masks. It is saved with the model.
public final class Buffer: Sendable {
    /// The value.
    public var value: Tensor {
        get { state.withLock { $0.decide() } }
        set {
            state.withLock {
                $0.value = newValue
                $0.undecided = nil
            }
        }
    }

    private let state: Mutex<State>

    private struct State {
        /// The value, if what is undecided turns out to be finite.
        var value: Tensor
        /// What is to be finite, and else the value.
        var undecided: (values: ValuesTogether, otherwise: Tensor)?
        /// The value before the step that is under way.
        var settled: Tensor?

        /// The value, from now on whatever was undecided. Decided on the device, which nobody waits for.
        mutating func decide() -> Tensor {
            if let (values, otherwise) = undecided {
                value = Tensor.select(values.areFinite, value, otherwise)
                undecided = nil
            }
            return value
        }

        mutating func propose(_ newValue: Tensor) {
            let current = decide()
            settled = GradMode.isEnabled ? settled ?? current : nil
            value = newValue
        }
    }

    /// - Parameter value: taken as it is, not copied.
    public init(_ value: Tensor) { state = Mutex(State(value: value)) }

    /// Replaces the value in a forward pass of training: for good once an optimizer calls ``settle(isFinite:)`` after
    /// its step, not at all if the step is left out and it calls ``revert()``. In passes without gradients, for good at
    /// once.
    public func propose(_ newValue: Tensor) { state.withLock { $0.propose(newValue) } }

    /// Replaces the values of buffers that belong together, as ``propose(_:)`` does, if all the new ones are finite,
    /// and none of them otherwise.
    ///
    /// That is found out when a value is next read. An optimizer asks for all buffers of a model at once, which is
    /// cheaper: see ``proposalsAreFinite(_:)``.
    /// - Parameter newValues: of a floating-point type; not to be changed afterwards.
    public static func proposeIfFinite(_ newValues: [(buffer: Buffer, value: Tensor)]) {
        let values = ValuesTogether(newValues.map(\.value))
        for (buffer, value) in newValues {
            buffer.state.withLock {
                let current = $0.decide()
                $0.propose(value)
                $0.undecided = (values, otherwise: current)
            }
        }
    }

    /// Whether everything that was proposed to these buffers on condition of being finite is, as far as nobody has
    /// found out yet: without dimensions, on a device of theirs; nil if there is nothing to find out.
    public static func proposalsAreFinite(_ buffers: [Buffer]) -> Tensor? {
        var seen = Set<ObjectIdentifier>()
        let values = buffers.flatMap { buffer in
            buffer.state.withLock { state in
                guard let values = state.undecided?.values, seen.insert(ObjectIdentifier(values)).inserted else {
                    return [Tensor]()
                }
                return values.tensors
            }
        }
        return allAreFinite(values)
    }

    /// Keeps what was proposed.
    /// - Parameter isFinite: that what was proposed on condition of being finite is known to be.
    public func settle(isFinite: Bool = false) {
        state.withLock {
            if isFinite { $0.undecided = nil }
            $0.settled = nil
        }
    }

    /// Goes back to the value before the proposals since the last step.
    public func revert() {
        state.withLock {
            if let settled = $0.settled {
                $0.value = settled
                $0.undecided = nil
            }
            $0.settled = nil
        }
    }
}

/// New values of buffers that take all of them or none.
private final class ValuesTogether: Sendable {
    let tensors: [Tensor]
    private let verdict = Mutex<Tensor?>(nil)

    init(_ tensors: [Tensor]) { self.tensors = tensors }

    /// Whether all of them are finite, found out once: without dimensions.
    var areFinite: Tensor {
        verdict.withLock {
            let areFinite = $0 ?? allAreFinite(tensors) ?? Tensor(true)
            $0 = areFinite
            return areFinite
        }
    }
}

/// Whether all elements are finite, on a device of theirs; nil without any.
private func allAreFinite(_ tensors: [Tensor]) -> Tensor? {
    Dictionary(grouping: tensors.filter { $0.count > 0 }, by: \.device).values.reduce(nil) { all, tensors in
        let flat = tensors.map { $0.rank == 1 ? $0 : $0.reshaped([-1]) }
        let areFinite = Tensor.concatenated(flat).allFinite()
        return all.map { $0.logicalAnd(areFinite.to($0.device)) } ?? areFinite
    }
}
