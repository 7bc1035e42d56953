import FOPCore

/// `diagnostics.csv`, a row per layer and step that was read, and `diagnostics.jsonl`, an object per step: for plots.
///
/// With k sub-batches s, beta, D and E are several numbers: in the CSV file with `;` between them. A number that is not
/// finite is `nan`, `inf` or `-inf` in the former and `null` in the latter.
final class DiagnosticsFiles {
    private let csv: OutputFile
    private let jsonLines: OutputFile

    private static let columns: [(name: String, numbers: @Sendable (LayerDiagnostics) -> [Double])] = [
        ("s", { $0.s }), ("beta", { $0.beta }), ("eta", { [$0.eta] }), ("B", { [$0.B] }), ("D", { $0.D }),
        ("E", { $0.E }), ("correction_share", { [$0.correctionShare] }), ("kl", { [$0.klNorm] }),
        ("kl_base", { [$0.klBase] }), ("kl_cross", { [$0.klCross] }), ("kl_orthogonal", { [$0.klOrthogonal] }),
    ]
    private static let header = ["step", "epoch", "layer"] + columns.map(\.name)

    /// - Parameter step: how many steps the run has taken: rows of later ones, of a run that was killed after its last
    ///   checkpoint, go.
    /// - Throws: ``TrainingError``.
    init(in directory: RunDirectory, upTo step: Int) throws {
        let rows = OutputFile.lines(directory.diagnosticsCSV).dropFirst().filter { row in
            row.split(separator: ",").first.flatMap { Int($0) }.map { $0 <= step } ?? false
        }
        let objects = OutputFile.lines(directory.diagnosticsJSONLines).filter { line in
            (try? JSONText.decode(Place.self, from: line)).map { $0.step <= step } ?? false
        }
        csv = try OutputFile(directory.diagnosticsCSV, emptied: true)
        jsonLines = try OutputFile(directory.diagnosticsJSONLines, emptied: true)
        try csv.append(([Self.header.joined(separator: ",")] + rows).map { $0 + "\n" }.joined())
        try jsonLines.append(objects.map { $0 + "\n" }.joined())
    }

    private struct Place: Decodable { let step: Int }

    func append(_ record: DiagnosticsRecord) throws {
        try csv.append(
            zip(record.layers, record.found.layers).map { name, layer in
                let numbers = Self.columns.map { column in
                    column.numbers(layer).map { "\($0)" }.joined(separator: ";")
                }
                return (["\(record.step)", "\(record.epoch)", name] + numbers).joined(separator: ",") + "\n"
            }.joined())
        try jsonLines.append(try JSONText.encode(Line(record)) + "\n")
    }

    private struct Line: Encodable {
        let step, epoch: Int
        let damping, trustRegionScale, kl: Double?
        let gradientNoiseScale: Double?
        let skippedSteps: Int
        let inverses: [String: Int]
        let layers: [[String: Cell]]

        init(_ record: DiagnosticsRecord) {
            let found = record.found
            (step, epoch, skippedSteps, inverses) = (record.step, record.epoch, record.skippedSteps, record.inverses)
            damping = finite(found.damping)
            trustRegionScale = finite(found.trustRegionScale)
            kl = finite(found.klNorm)
            gradientNoiseScale = found.gradientNoiseScale.flatMap(finite)
            layers = zip(record.layers, found.layers).map { name, layer in
                var cells = ["layer": Cell.name(name)]
                for column in columns { cells[column.name] = .numbers(column.numbers(layer).map(finite)) }
                return cells
            }
        }

        enum CodingKeys: String, CodingKey {
            case step, epoch, damping, kl, inverses, layers
            case trustRegionScale = "trust_region_scale"
            case gradientNoiseScale = "gradient_noise_scale"
            case skippedSteps = "skipped_steps"
        }
    }

    private enum Cell: Encodable {
        case name(String)
        /// One alone is no list.
        case numbers([Double?])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .name(let name): try container.encode(name)
            case .numbers(let numbers) where numbers.count == 1: try container.encode(numbers[0])
            case .numbers(let numbers): try container.encode(numbers)
            }
        }
    }
}

private func finite(_ value: Double) -> Double? { value.isFinite ? value : nil }
