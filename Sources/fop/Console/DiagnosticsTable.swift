import FOPCore
import Training

/// What the optimizer found at a step: a table with a row per layer, and in words what holds for all of them.
enum DiagnosticsTable {
    private static let columns: [(title: String, text: @Sendable (LayerDiagnostics) -> String)] = [
        ("s", { numbers($0.s, digits: 2) }),
        ("beta", { numbers($0.beta, digits: 2) }),
        ("eta", { NumberText.fixed($0.eta, 3) }),
        ("corr.", { percent($0.correctionShare) }),
        ("KL norm", { NumberText.scientific($0.klNorm) }),
        ("base", { share($0.klBase, $0) }),
        ("cross", { share($0.klCross, $0) }),
        ("orth.", { share($0.klOrthogonal, $0) }),
    ]

    static func lines(_ record: DiagnosticsRecord) -> [String] {
        let found = record.found
        let title =
            "what step \(NumberText.grouped(record.step)) found: damping \(NumberText.short(found.damping)), "
            + "trust region times \(NumberText.short(found.trustRegionScale)), KL norm \(NumberText.scientific(found.klNorm))"
        return [title] + table(record).map { "  " + $0 } + [inverses(record), noise(record)].compactMap(\.self)
    }

    private static func table(_ record: DiagnosticsRecord) -> [String] {
        var rows = [["layer"] + columns.map(\.title)]
        for (name, layer) in zip(record.layers, record.found.layers) {
            rows.append([title(name)] + columns.map { $0.text(layer) })
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.indices.map { column in
                let space = String(repeating: " ", count: widths[column] - row[column].count)
                return column == 0 ? row[column] + space : space + row[column]
            }.joined(separator: "  ")
        }
    }

    /// Parts of attention have names that go on after an underscore.
    private static func title(_ layer: String) -> String {
        layer.isEmpty ? "model" : layer.hasSuffix("_") ? String(layer.dropLast()) : layer
    }

    private static func inverses(_ record: DiagnosticsRecord) -> String {
        let counts = record.inverses.sorted { $0.key < $1.key }.map { "\(NumberText.grouped($0.value)) by \($0.key)" }
        return "inverses so far: \(counts.isEmpty ? "none" : counts.joined(separator: ", ")); "
            + "skipped steps: \(NumberText.grouped(record.skippedSteps))"
    }

    private static func noise(_ record: DiagnosticsRecord) -> String {
        guard let scale = record.found.gradientNoiseScale, scale.isFinite, scale < 1e12 else {
            return "gradient noise scale: unknown so far, noise hides the gradient"
        }
        let batch = NumberText.grouped(Int(scale.rounded()))
        return "gradient noise scale \(batch): beyond a batch of about \(batch) more examples stop paying; yours is "
            + NumberText.grouped(record.batchSize)
    }

    private static func numbers(_ values: [Double], digits: Int) -> String {
        values.map { NumberText.fixed($0, digits) }.joined(separator: " ")
    }

    private static func percent(_ share: Double) -> String { NumberText.percent(share, digits: 1) }

    private static func share(_ term: Double, _ layer: LayerDiagnostics) -> String {
        layer.klNorm > 0 ? percent(term / layer.klNorm) : "-"
    }
}
