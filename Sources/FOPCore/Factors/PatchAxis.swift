/// One dimension of the image that a convolution passes over.
struct PatchAxis {
    let size, kernel, padding, dilation: Int
    var stride = 1
    /// Whether the positions are the layer's own, rather than all whose patch touches the image.
    var isLimited = true

    /// The first and the last position whose patch touches the image, at stride 1.
    private var first: Int { padding - (kernel - 1) * dilation }
    private var last: Int { size - 1 + padding }
    /// How many positions the layer has.
    var positions: Int {
        let room = size + 2 * padding - (kernel - 1) * dilation - 1
        return room < 0 ? 0 : room / stride + 1
    }

    /// The positions that are not the layer's own, though their patch touches the image, at stride 1.
    var outside: [Int] {
        guard isLimited, first < 0 else { return [] }
        return Array(first..<0) + Array(positions..<last + 1)
    }

    /// The pixel under a kernel position; outside of `0..<size` there is none.
    func pixel(_ position: Int, _ tap: Int) -> Int { position * stride - padding + tap * dilation }

    /// The kernel positions that see the image from a position.
    func taps(_ position: Int) -> Range<Int> {
        let seeing = (0..<kernel).filter { (0..<size).contains(pixel(position, $0)) }
        guard let first = seeing.first, let last = seeing.last else { return 0..<0 }
        return first..<last + 1
    }

    /// The same with all positions.
    var unlimited: PatchAxis {
        var axis = self
        axis.isLimited = false
        return axis
    }
}
