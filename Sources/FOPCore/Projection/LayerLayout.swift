import TorchCore

/// Where the elements of several layers lie in a row of ``LayerTensors``: one layer after the other, each from the
/// beginning of a chunk on. With that a number for each layer is one for each chunk, of which there are few, and what
/// is done by layer needs no operator for every layer. Layers that do not fill their last chunk are followed by zeros.
///
/// Made once for the same layers and kept.
final class LayerLayout {
    /// How many elements each layer has.
    let counts: [Int]
    /// How many elements a chunk has.
    let chunk: Int
    /// How many chunks there are.
    let chunks: Int
    /// The layer of each chunk.
    private let owners: Tensor
    /// Chunks x layers, in float64: 1 where the chunk is the layer's.
    let membership: Tensor
    /// One tensor of the shape of each layer and of each layer's filling, where it has any.
    let templates: [Tensor]
    /// The zeros that follow each layer.
    private let fillings: [Tensor?]

    /// - Parameter shapes: of the layers' tensors.
    init(_ shapes: [[Int]], dtype: DType, device: Device) {
        let counts = shapes.map { $0.reduce(1, *) }
        let chunk = Self.chunk(counts)
        let chunksByLayer = counts.map { ($0 + chunk - 1) / chunk }
        let zeros = Tensor.zeros([chunk], dtype: dtype, device: device)
        fillings = zip(counts, chunksByLayer).map { count, chunks in
            count == chunks * chunk ? nil : zeros.narrowed(0, from: 0, length: chunks * chunk - count)
        }
        templates = zip(shapes, fillings).flatMap { shape, filling in
            [zeros.selected(0, 0).expanded(shape)] + (filling.map { [$0] } ?? [])
        }
        owners = Tensor(
            chunksByLayer.enumerated().flatMap { [Int](repeating: $0, count: $1) }, device: device)
        membership = owners.unsqueezed(-1).elementsEqual(Tensor(Array(counts.indices), device: device)).to(.float64)
        chunks = chunksByLayer.reduce(0, +)
        (self.counts, self.chunk) = (counts, chunk)
    }

    /// How many elements a row has.
    var width: Int { chunks * chunk }

    /// A power of two: small for little filling, and large enough for few chunks.
    static func chunk(_ counts: [Int]) -> Int {
        let (elements, layers) = (counts.reduce(0, +), max(1, counts.count))
        let wanted = min(elements * layers / (1 << 18), elements / (16 * layers))
        var chunk = 64
        while chunk * 2 <= wanted { chunk *= 2 }
        return chunk
    }

    /// How many zeros follow so many elements from the beginning of a chunk on.
    func filling(after count: Int) -> Int { (chunk - count % chunk) % chunk }

    /// The tensors of a row with the zeros between them.
    func filled(_ tensors: [Tensor]) -> [Tensor] {
        zip(tensors, fillings).flatMap { tensor, filling in [tensor] + (filling.map { [$0] } ?? []) }
    }

    /// The tensors of a row without the zeros between them.
    func withoutFilling(_ tensors: [Tensor]) -> [Tensor] {
        var rest = tensors[...]
        return fillings.map { filling in
            defer { if filling != nil { rest.removeFirst() } }
            return rest.removeFirst()
        }
    }

    /// Vectors over layers as vectors x chunks x 1.
    func byChunk(_ vectors: [Tensor]) -> Tensor {
        Tensor.stacked(vectors).indexSelect(1, owners).unsqueezed(-1)
    }
}
