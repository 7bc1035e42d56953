import TorchCore

/// Tensors that travel as one: laid one after the other in a vector.
struct FlatMessage {
    private var parts: [Tensor] = []

    /// How many elements it has.
    var count: Int { parts.reduce(0) { $0 + $1.count } }

    mutating func append(_ tensor: Tensor) { parts.append(tensor) }

    /// The sum over all processes of every part, in the order of ``append(_:)``, with one collective call.
    ///
    /// It travels in float64 where any part has that type, else in float32.
    func summed(over group: any ProcessGroup, device: Device) -> Reader {
        let dtype: DType = parts.contains { $0.dtype == .float64 } ? .float64 : .float32
        let flat = parts.map { $0.reshaped([-1]).to(dtype).to(device) }
        return Reader(sums: group.sum(Tensor.concatenated(flat, 0)))
    }

    /// Reads the parts again, in the same order.
    struct Reader {
        /// All of it.
        let sums: Tensor
        private var offset = 0

        init(sums: Tensor) { self.sums = sums }

        mutating func next(_ shape: [Int]) -> Tensor {
            let count = shape.reduce(1, *)
            defer { offset += count }
            return sums.narrowed(0, from: offset, length: count).reshaped(shape)
        }
    }
}
