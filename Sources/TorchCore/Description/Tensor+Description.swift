extension Tensor: CustomStringConvertible, CustomDebugStringConvertible {
    /// The values as torch prints them: four digits, three entries at each end of long dimensions, and type and
    /// device where they are not the usual ones. Waits for the device.
    public var description: String {
        guard isDefined else { return "tensor(undefined)" }
        let prefix = "tensor("
        var suffixes: [String] = []
        if device.kind != .cpu { suffixes.append("device='\(device)'") }
        let hasUsualType = dtype == .float32 || dtype == .int64 || dtype == .bool
        if device.kind == .meta || (count == 0 && rank != 1) { suffixes.append("size=\(sizeText)") }
        if count == 0 ? dtype != .float32 : !hasUsualType { suffixes.append("dtype=torch.\(dtype)") }
        let values = device.kind == .meta ? "..." : valuesText(indent: prefix.count)
        return withSuffixes(prefix + values, suffixes, indent: prefix.count)
    }

    /// Shape, type and device, then the values as torch prints them.
    public var debugDescription: String {
        guard isDefined else { return "Tensor(undefined)" }
        return "Tensor(shape: \(shape), dtype: \(dtype), device: \(device))\n\(description)"
    }

    private var sizeText: String {
        let sizes = shape.map(String.init)
        return sizes.count == 1 ? "(\(sizes[0]),)" : "(\(sizes.joined(separator: ", ")))"
    }

    private func valuesText(indent: Int) -> String {
        guard count > 0 else { return "[]" }
        let summarized = count > TensorText.threshold
        let shown = withoutGradients { summarized ? detached().edges() : detached() }
        let text = TensorText(shown, fullShape: shape, summarized: summarized)
        return text.description(indent: indent)
    }

    /// The first and last entries of each long dimension.
    private func edges() -> Tensor {
        let edge = TensorText.edge
        return (0..<rank).reduce(self) { part, dimension in
            let size = part.size(dimension)
            guard size > 2 * edge else { return part }
            let first = part.narrowed(dimension, from: 0, length: edge)
            let last = part.narrowed(dimension, from: size - edge, length: edge)
            return .concatenated([first, last], dimension)
        }
    }

    private func withSuffixes(_ text: String, _ suffixes: [String], indent: Int) -> String {
        var result = text
        // Two more than it is, as torch counts it.
        var lineLength = text.reversed().prefix { $0 != "\n" }.count + 2
        for suffix in suffixes {
            if lineLength + suffix.count + 2 > TensorText.lineWidth {
                result += ",\n" + String(repeating: " ", count: indent) + suffix
                lineLength = indent + suffix.count
            } else {
                result += ", " + suffix
                lineLength += suffix.count + 2
            }
        }
        return result + ")"
    }
}
