import CTorch

/// Calls an operator with the arguments that `arguments` pushes, and reads its results with `read`.
/// Fails as ``TorchError/catching(_:)`` describes, with `failed` as the result.
/// - Parameter results: how many results `read` takes off the stack: all that have to be freed, tensors and lists.
@inlinable public func call<Result>(
    _ op: Operator, results: Int = 1, file: StaticString, line: UInt, arguments: (inout ArgumentStack) -> Void,
    read: (UnsafeMutablePointer<UInt64>) -> Result, failed: () -> Result
) -> Result {
    withUnsafeTemporaryAllocation(of: UInt64.self, capacity: ArgumentStack.capacity) { values in
        withUnsafeTemporaryAllocation(of: NumberArgument.self, capacity: ArgumentStack.numberCapacity) { numbers in
            withUnsafeTemporaryAllocation(of: Unmanaged<TensorOwner>.self, capacity: ArgumentStack.capacity) { kept in
                let gate = OperatorGate.current
                var stack = ArgumentStack(
                    base: values.baseAddress!, numbers: numbers.baseAddress!, kept: kept.baseAddress!,
                    borrows: gate.borrowsTensors)
                arguments(&stack)
                let status = gate.call(
                    op.nameBytes, op.overloadBytes, stack.base, UInt64(stack.count), UInt64(results), op.slot)
                stack.releaseTensors()
                guard status == 0 else {
                    operatorFailure(op.name, lastErrorText(gate), file, line)
                    return failed()
                }
                return read(stack.base)
            }
        }
    }
}

@usableFromInline func lastErrorText(_ gate: OperatorGate) -> String {
    guard let text = gate.lastError() else { return "failed (this LibTorch keeps no error text)" }
    return String(cString: text)
}

/// An operator that returns one tensor.
@inlinable public func call(
    _ op: Operator, file: StaticString, line: UInt, _ arguments: (inout ArgumentStack) -> Void
) -> Tensor {
    call(
        op, file: file, line: line, arguments: arguments,
        read: { Tensor(owning: OpaquePointer(bitPattern: UInt($0[0]))!) },
        failed: { Tensor.undefined })
}

/// An operator that returns a truth value; false when it failed.
@inlinable public func callBool(
    _ op: Operator, file: StaticString, line: UInt, _ arguments: (inout ArgumentStack) -> Void
) -> Bool {
    call(op, file: file, line: line, arguments: arguments, read: { $0[0] & 0xFF != 0 }, failed: { false })
}

/// An operator that returns two tensors.
@inlinable public func call2(
    _ op: Operator, file: StaticString, line: UInt, _ arguments: (inout ArgumentStack) -> Void
) -> (Tensor, Tensor) {
    let all = callMany(op, results: 2, file: file, line: line, arguments)
    return (all[0], all[1])
}

/// An operator that returns three tensors.
@inlinable public func call3(
    _ op: Operator, file: StaticString, line: UInt, _ arguments: (inout ArgumentStack) -> Void
) -> (Tensor, Tensor, Tensor) {
    let all = callMany(op, results: 3, file: file, line: line, arguments)
    return (all[0], all[1], all[2])
}

/// An operator that returns a fixed number of tensors.
@inlinable public func callMany(
    _ op: Operator, results: Int, file: StaticString, line: UInt, _ arguments: (inout ArgumentStack) -> Void
) -> [Tensor] {
    call(
        op, results: results, file: file, line: line, arguments: arguments,
        read: { values in (0..<results).map { Tensor(owning: OpaquePointer(bitPattern: UInt(values[$0]))!) } },
        failed: { Array(repeating: Tensor.undefined, count: results) })
}

/// An operator that returns a list of tensors.
@inlinable public func callList(
    _ op: Operator, file: StaticString, line: UInt, _ arguments: (inout ArgumentStack) -> Void
) -> [Tensor] {
    call(
        op, file: file, line: line, arguments: arguments, read: { StackMemory.takeTensors($0[0]) }, failed: { [] })
}

/// An operator that returns nothing: the `_foreach_*_` and `_fused_*_` families.
@inlinable public func callVoid(
    _ op: Operator, file: StaticString, line: UInt, _ arguments: (inout ArgumentStack) -> Void
) {
    call(op, results: 0, file: file, line: line, arguments: arguments, read: { _ in }, failed: {})
}
