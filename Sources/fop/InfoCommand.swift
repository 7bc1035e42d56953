import ArgumentParser
import Glibc
import Training

/// `fop info`: versions, devices, threads, and where things are.
struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Say which LibTorch, devices, threads and folders are used.",
        discussion: """
            The first thing to look at when something does not run, and to put into a bug report.
              fop info
              fop info --json
            """)

    @Flag(help: "Print JSON, for programs.")
    var json = false

    func run() throws {
        let report = SystemReport()
        let text = try json ? JSONText.encode(report, indented: true) + "\n" : InfoText.text(report)
        _ = writeAll(text, to: STDOUT_FILENO)
    }
}
