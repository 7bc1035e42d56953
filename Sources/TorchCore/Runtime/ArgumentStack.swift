import CTorch

/// The arguments of one operator call, in the schema's order, written straight into the dispatcher's stack.
public struct ArgumentStack: ~Copyable {
    /// More than any operator's arguments or results.
    @usableFromInline static let capacity = 32
    @usableFromInline static let numberCapacity = 4

    @usableFromInline let base: UnsafeMutablePointer<UInt64>
    @usableFromInline var count = 0
    // Numbers live here while the call runs: the stack holds their addresses.
    @usableFromInline let numbers: UnsafeMutablePointer<NumberArgument>
    @usableFromInline var numberCount = 0
    // The gate may only borrow tensors: they are kept alive here until the call is over, as the stack holds bare
    // addresses.
    @usableFromInline let kept: UnsafeMutablePointer<Unmanaged<TensorOwner>>
    @usableFromInline var keptCount = 0
    @usableFromInline var keptMore: [Tensor] = []
    @usableFromInline let borrows: Bool

    @inlinable init(
        base: UnsafeMutablePointer<UInt64>, numbers: UnsafeMutablePointer<NumberArgument>,
        kept: UnsafeMutablePointer<Unmanaged<TensorOwner>>, borrows: Bool
    ) {
        self.base = base
        self.numbers = numbers
        self.kept = kept
        self.borrows = borrows
    }

    /// Lets go of the borrowed tensors. Call once, after the operator.
    @inlinable mutating func releaseTensors() {
        for index in 0..<keptCount { kept[index].release() }
        keptCount = 0
    }

    @inlinable mutating func pushRaw(_ value: UInt64) {
        assert(count < ArgumentStack.capacity, "more arguments than any operator has")
        base[count] = value
        count += 1
    }

    /// A tensor.
    @inlinable public mutating func push(_ tensor: Tensor) { pushRaw(handleValue(tensor)) }

    /// `Tensor?`
    @inlinable public mutating func push(_ tensor: Tensor?) {
        guard let tensor else { return pushRaw(0) }
        pushRaw(StackMemory.optional(handleValue(tensor)))
    }

    /// `int`
    @inlinable public mutating func push(_ value: Int) { pushRaw(UInt64(bitPattern: Int64(value))) }

    /// `int?`
    @inlinable public mutating func push(_ value: Int?) {
        pushRaw(value.map { StackMemory.optional(UInt64(bitPattern: Int64($0))) } ?? 0)
    }

    /// `bool`
    @inlinable public mutating func push(_ value: Bool) { pushRaw(value ? 1 : 0) }

    /// `bool?`
    @inlinable public mutating func push(_ value: Bool?) {
        pushRaw(value.map { StackMemory.optional($0 ? 1 : 0) } ?? 0)
    }

    /// `float` (a double in the schema's terms)
    @inlinable public mutating func push(_ value: Double) { pushRaw(value.bitPattern) }

    /// `float?`
    @inlinable public mutating func push(_ value: Double?) {
        pushRaw(value.map { StackMemory.optional($0.bitPattern) } ?? 0)
    }

    /// `Scalar`: only through a gate that takes numbers.
    @inlinable public mutating func push(number value: Double) { pushNumber(NumberArgument(value)) }

    /// `Scalar`: only through a gate that takes numbers.
    @inlinable public mutating func push(number value: Int) { pushNumber(NumberArgument(value)) }

    /// `Scalar?`: only through a gate that takes numbers.
    @inlinable public mutating func push(number value: Double?) {
        guard let value else { return pushRaw(0) }
        pushNumber(NumberArgument(value))
        base[count - 1] = StackMemory.optional(base[count - 1])
    }

    @inlinable mutating func pushNumber(_ number: NumberArgument) {
        assert(numberCount < ArgumentStack.numberCapacity, "more numbers than any operator has")
        numbers[numberCount] = number
        pushRaw(UInt64(UInt(bitPattern: numbers + numberCount)))
        numberCount += 1
    }

    /// `int[]`
    @inlinable public mutating func push(_ values: [Int]) { pushRaw(StackMemory.list(values)) }

    /// `int[]?`
    @inlinable public mutating func push(_ values: [Int]?) {
        pushRaw(values.map { StackMemory.optional(StackMemory.list($0)) } ?? 0)
    }

    /// `bool[]`
    @inlinable public mutating func push(_ values: [Bool]) { pushRaw(StackMemory.list(values)) }

    /// `float[]`
    @inlinable public mutating func push(_ values: [Double]) { pushRaw(StackMemory.list(values)) }

    /// `Tensor[]`
    @inlinable public mutating func push(_ tensors: [Tensor]) {
        pushRaw(StackMemory.list(handleValues(tensors)))
    }

    /// `Tensor?[]`
    @inlinable public mutating func push(_ tensors: [Tensor?]) {
        var values: [UInt64] = []
        for tensor in tensors { values.append(tensor == nil ? 0 : StackMemory.optional(handleValue(tensor!))) }
        pushRaw(StackMemory.list(values))
    }

    /// `str`
    @inlinable public mutating func push(_ text: String) { pushRaw(StackMemory.string(text)) }

    /// `str?`
    @inlinable public mutating func push(_ text: String?) {
        pushRaw(text.map { StackMemory.optional(StackMemory.string($0)) } ?? 0)
    }

    /// `ScalarType`
    @inlinable public mutating func push(_ dtype: DType) { pushRaw(UInt64(dtype.rawValue)) }

    /// `ScalarType?`
    @inlinable public mutating func push(_ dtype: DType?) {
        pushRaw(dtype.map { StackMemory.optional(UInt64($0.rawValue)) } ?? 0)
    }

    /// `Device?`
    @inlinable public mutating func push(_ device: Device?) {
        pushRaw(device.map { StackMemory.optional($0.stableValue) } ?? 0)
    }

    /// `MemoryFormat?`
    @inlinable public mutating func push(_ format: MemoryFormat?) {
        pushRaw(format.map { StackMemory.optional(UInt64($0.rawValue)) } ?? 0)
    }

    /// `Generator?`, by the handle of a generator, which stays the caller's.
    @inlinable public mutating func push(generator: OpaquePointer?) {
        guard let generator else { return pushRaw(0) }
        let handle = borrows ? generator : StableABI.copyGenerator(generator)
        pushRaw(StackMemory.optional(UInt64(UInt(bitPattern: handle))))
    }

    /// `MemoryFormat`
    @inlinable public mutating func push(_ format: MemoryFormat) { pushRaw(UInt64(format.rawValue)) }

    /// Any optional argument left at None.
    @inlinable public mutating func pushNone() { pushRaw(0) }

    @inlinable mutating func handleValue(_ tensor: Tensor) -> UInt64 {
        guard !borrows else {
            keep(tensor)
            return UInt64(UInt(bitPattern: tensor.handle))
        }
        var copy: OpaquePointer?
        StableABI.ensure(aoti_torch_new_tensor_handle(tensor.handle, &copy), "aoti_torch_new_tensor_handle")
        return withExtendedLifetime(tensor) { UInt64(UInt(bitPattern: copy)) }
    }

    @inlinable mutating func keep(_ tensor: Tensor) {
        guard keptCount < ArgumentStack.capacity else { return keptMore.append(tensor) }
        kept[keptCount] = Unmanaged.passRetained(tensor.owner)
        keptCount += 1
    }

    /// The handles of a list's tensors.
    @inlinable mutating func handleValues(_ tensors: [Tensor]) -> [UInt64] {
        var values: [UInt64] = []
        values.reserveCapacity(tensors.count)
        for tensor in tensors { values.append(handleValue(tensor)) }
        return values
    }
}

/// Lists, strings and optionals on the stack: LibTorch's own containers, which the dispatcher frees.
@usableFromInline enum StackMemory {
    @usableFromInline static func optional(_ value: UInt64) -> UInt64 { StableABI.allocateOptional(value) }

    @usableFromInline static func list(_ values: [UInt64]) -> UInt64 {
        var list: OpaquePointer?
        StableABI.ensure(torch_new_list_reserve_size(values.count, &list), "torch_new_list_reserve_size")
        for value in values { StableABI.ensure(torch_list_push_back(list, value), "torch_list_push_back") }
        return UInt64(UInt(bitPattern: list))
    }

    @usableFromInline static func list(_ values: [Int]) -> UInt64 {
        list(values.map { UInt64(bitPattern: Int64($0)) })
    }

    @usableFromInline static func list(_ values: [Bool]) -> UInt64 { list(values.map { $0 ? 1 : 0 }) }

    @usableFromInline static func list(_ values: [Double]) -> UInt64 { list(values.map(\.bitPattern)) }

    @usableFromInline static func string(_ text: String) -> UInt64 {
        var handle: OpaquePointer?
        var text = text
        text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                StableABI.ensure(
                    torch_new_string_handle($0.baseAddress, $0.count, &handle), "torch_new_string_handle")
            }
        }
        return UInt64(UInt(bitPattern: handle))
    }

    /// The tensors of a list result; frees the list.
    @usableFromInline static func takeTensors(_ value: UInt64) -> [Tensor] {
        let list = OpaquePointer(bitPattern: UInt(value))
        var size = 0
        StableABI.ensure(torch_list_size(list, &size), "torch_list_size")
        let tensors = (0..<size).map { index in
            var element: UInt64 = 0
            StableABI.ensure(torch_list_get_item(list, index, &element), "torch_list_get_item")
            return Tensor(owning: OpaquePointer(bitPattern: UInt(element))!)
        }
        StableABI.ensure(torch_delete_list(list), "torch_delete_list")
        return tensors
    }
}
