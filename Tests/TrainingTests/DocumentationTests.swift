import FOP
import FOPCore
import Foundation
import Training
import XCTest

/// The pages on options name every option, with the default that it has.
final class DocumentationTests: XCTestCase {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Documentation")

    private func page(_ name: String) throws -> String {
        try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
    }

    private func pages() throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.appendingPathComponent("options").path)
        return try names.filter { $0.hasSuffix(".md") }.map { try page("options/\($0)") } + [try page("baselines.md")]
    }

    /// Rows of tables as cells.
    private func rows() throws -> [[String]] {
        try pages().flatMap { $0.split(separator: "\n") }.filter { $0.hasPrefix("| ") }.map { row in
            row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
    }

    func testEveryFlagHasARowWithItsDefault() throws {
        let rows = try rows()
        for option in TrainingRequest.options + ["--require-target", "--output", "--resume", "--log-level"] {
            let row = rows.first { $0.contains("`\(option)`") }
            guard let row, let place = row.firstIndex(of: "`\(option)`") else {
                XCTFail("no page under Documentation/options has a row of \(option)")
                continue
            }
            guard let value = documentedDefault(option) else { continue }
            XCTAssertTrue(
                row[place + 1].contains("`\(value)`"), "the default of \(option) is \(value), its row says \(row[place + 1])")
        }
    }

    private func documentedDefault(_ option: String) -> String? {
        // As many as the machine has.
        if option == "--threads" { return nil }
        let kinds: [OptimizerKind] = [.fop, .adamw, .shampoo, .muon]
        let texts = kinds.compactMap { kind in
            var settings = TrainingSettings()
            settings.optimizer = kind.defaults
            return settings.value(of: option)
        }
        return texts.first
    }

    /// Every member of what can be set in Swift.
    func testEveryOptionInSwiftIsNamed() throws {
        let text = try pages().joined()
        func members(_ value: Any) -> [String] { Mirror(reflecting: value).children.compactMap(\.label) }
        let names =
            members(CurvatureConfiguration()).map { "`curvature.\($0)`" }
            + members(FOPOptions()).filter { !["curvature", "fallback"].contains($0) }.map { "`\($0)`" }
            + members(FallbackOptions()).map { "`fallback.\($0)`" }
            + members(AdaptiveDamping()).map { "`AdaptiveDamping.\($0)`" }
        XCTAssertGreaterThan(names.count, 20)
        for name in names { XCTAssertTrue(text.contains(name), "\(name) is on no page under Documentation/options") }
    }

    func testTheIndexNamesEveryPage() throws {
        let index = try page("options.md")
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.appendingPathComponent("options").path)
        for name in names { XCTAssertTrue(index.contains("(options/\(name))"), name) }
    }
}
