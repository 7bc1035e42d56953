import FOPCore
import Torch

/// How each parameter of a model is updated: `print(optimizer.coverage)`.
public struct Coverage: CustomStringConvertible, Sendable {
    /// One parameter.
    public struct Row: Equatable, Sendable {
        /// The parameter's name.
        public let parameter: String
        /// The kind of block, as in ``FOPCore/BlockKind``, `fallback`, or `frozen`.
        public let kind: String
        /// The sizes of the layer's factors, on its first parameter: `576x576 64x64`, with the number of groups in
        /// front.
        public let factors: String
        /// What factors, inverses and other state of the layer take, on its first parameter.
        public let bytes: Int
        /// How many numbers the parameter has.
        public let count: Int
        /// The same as a share of the model.
        public let share: Double
    }

    /// One row per parameter: those of blocks first.
    public let rows: [Row]

    /// The share of the model's numbers that a kind of block covers.
    public func share(of kind: String) -> Double {
        rows.filter { $0.kind == kind }.reduce(0) { $0 + $1.share }
    }

    /// A table that lines up.
    public var description: String {
        let cells =
            [["parameter", "block", "factors", "bytes", "numbers", "share"]]
            + rows.map { row in
                [
                    row.parameter, row.kind, row.factors, row.bytes == 0 ? "" : "\(row.bytes)", "\(row.count)",
                    percent(row.share),
                ]
            }
        let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { line in
            line.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - line[column].count)
                return column < 3 ? line[column] + space : space + line[column]
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private func percent(_ share: Double) -> String {
        let tenths = Int((share * 1000).rounded())
        return "\(tenths / 10).\(tenths % 10) %"
    }
}

extension FOP {
    /// How each parameter is updated, what its curvature costs, and its share of the model.
    public var coverage: Coverage {
        let all = layers.flatMap { $0.parameters.map(\.parameter) } + plan.others.map(\.parameter)
        let total = Double(max(1, all.reduce(0) { $0 + $1.value.count }))
        var rows: [Coverage.Row] = []
        for layer in layers {
            for (index, (name, parameter)) in layer.parameters.enumerated() {
                rows.append(
                    row(
                        name, parameter, parameter.requiresGradient ? layer.kind : "frozen", total,
                        block: index == 0 ? layer.block : nil))
            }
        }
        rows += plan.others.map { name, parameter in
            row(name, parameter, parameter.requiresGradient ? "fallback" : "frozen", total, block: nil)
        }
        return Coverage(rows: rows)
    }

    private func row(
        _ name: String, _ parameter: Parameter, _ kind: String, _ total: Double, block: (any FisherBlock)?
    ) -> Coverage.Row {
        let width = max(4, parameter.value.dtype == .float64 ? 8 : 4)
        let numbers = block?.stateShapes.values.reduce(0) { $0 + $1.reduce(1, *) } ?? 0
        return Coverage.Row(
            parameter: name, kind: kind,
            factors: (block?.factorShapes ?? []).map { $0.map(String.init).joined(separator: "x") }.joined(separator: " "),
            bytes: numbers * width, count: parameter.value.count, share: Double(parameter.value.count) / total)
    }
}
