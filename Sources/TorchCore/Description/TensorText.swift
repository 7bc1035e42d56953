import Glibc

/// A tensor's values as torch prints them.
struct TensorText {
    /// More elements than this are abbreviated.
    static let threshold = 1000
    /// How many entries of a long dimension are shown at each end.
    static let edge = 3
    static let lineWidth = 80
    private static let precision = 4

    private enum Style {
        case word
        case whole
        case fixed
        case scientific
    }

    private let values: [Double]
    private let words: [String]
    private let shape: [Int]
    private let fullShape: [Int]
    private let summarized: Bool
    private let style: Style
    private let width: Int

    /// - Parameters:
    ///   - shown: the elements that are shown; with `summarized` the edges only.
    ///   - fullShape: the shape of the whole tensor.
    init(_ shown: Tensor, fullShape: [Int], summarized: Bool) {
        shape = shown.shape
        self.fullShape = fullShape
        self.summarized = summarized
        guard shown.dtype.isFloatingPoint else {
            words =
                shown.dtype == .bool
                ? shown.scalars(as: Bool.self).map { $0 ? "True" : "False" }
                : shown.scalars(as: Int.self).map(String.init)
            values = []
            style = .word
            width = words.map(\.count).max() ?? 1
            return
        }
        words = []
        let numbers = shown.scalars(as: Double.self)
        values = numbers
        let significant = numbers.filter { $0.isFinite && $0 != 0 }
        let style = TensorText.style(of: significant)
        self.style = style
        width = significant.map { TensorText.text($0, style).count }.max() ?? 1
    }

    private static func style(of significant: [Double]) -> Style {
        let magnitudes = significant.map(abs)
        guard let smallest = magnitudes.min(), let largest = magnitudes.max() else { return .whole }
        if largest / smallest > 1000 || largest > 1e8 || smallest < 1e-4 { return .scientific }
        return significant.allSatisfy { $0 == $0.rounded(.up) } ? .whole : .fixed
    }

    func description(indent: Int) -> String {
        var next = 0
        return text(dimension: 0, indent: indent, &next)
    }

    private func text(dimension: Int, indent: Int, _ next: inout Int) -> String {
        guard dimension < shape.count else { return element(&next) }
        let isLast = dimension == shape.count - 1
        var parts: [String] = []
        for index in 0..<shape[dimension] {
            if index == TensorText.edge, summarized, fullShape[dimension] > 2 * TensorText.edge {
                parts.append(isLast ? " ..." : "...")
            }
            parts.append(text(dimension: dimension + 1, indent: indent + 1, &next))
        }
        let newLine = "," + String(repeating: "\n", count: max(1, shape.count - 1 - dimension))
            + String(repeating: " ", count: indent + 1)
        guard isLast else { return "[\(parts.joined(separator: newLine))]" }
        let perLine = max(1, (TensorText.lineWidth - indent) / (width + 2))
        let lines = stride(from: 0, to: parts.count, by: perLine).map {
            parts[$0..<min($0 + perLine, parts.count)].joined(separator: ", ")
        }
        return "[\(lines.joined(separator: newLine))]"
    }

    private func element(_ next: inout Int) -> String {
        defer { next += 1 }
        let text = style == .word ? words[next] : TensorText.text(values[next], style)
        return String(repeating: " ", count: max(0, width - text.count)) + text
    }

    private static func text(_ value: Double, _ style: Style) -> String {
        if value.isNaN { return "nan" }
        if value.isInfinite { return value < 0 ? "-inf" : "inf" }
        return switch style {
        case .scientific: formatted("%.\(precision)e", value)
        case .fixed: formatted("%.\(precision)f", value)
        default: formatted("%.0f.", value)
        }
    }

    private static func formatted(_ format: String, _ value: Double) -> String {
        // The longest double without a fraction has 310 characters.
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 400) { buffer in
            _ = withVaList([value]) { vsnprintf(buffer.baseAddress, buffer.count, format, $0) }
            return String(cString: buffer.baseAddress!)
        }
    }
}
