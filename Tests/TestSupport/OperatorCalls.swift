import Torch

/// How many operators were called through the counting gate. Tests of counts run on one thread.
private nonisolated(unsafe) var operatorCalls = 0

/// How many operators `body` calls from Swift; those that autograd calls in a backward pass are not among them.
public func countingOperatorCalls(_ body: () throws -> Void) rethrows -> Int {
    let counting = OperatorGate(
        call: { name, overload, stack, arguments, results, slot in
            operatorCalls += 1
            return OperatorGate.fast.call(name, overload, stack, arguments, results, slot)
        },
        lastError: OperatorGate.fast.lastError, borrowsTensors: true, takesNumbers: true)
    operatorCalls = 0
    try withGate(counting, body)
    return operatorCalls
}
