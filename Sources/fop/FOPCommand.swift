import ArgumentParser
import Training

/// `fop`: what it can do, and what its exit codes mean.
struct FOPCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fop",
        abstract: "Trains networks with Fisher-Orthogonal Projection, a natural-gradient optimizer for large batches.",
        discussion: """
            FOP (Lu and Armour, AAAI 2026) uses the curvature of the loss, as K-FAC does, and what two halves of a batch \
            disagree on, so that steps stay useful at batch sizes where SGD and AdamW no longer gain.

            Try it without any data, then on images of clothes:
              fop train --dataset shapes --model mlp --epochs 3
              fop train --model resnet --optimizer fop --target 90%

            EXIT CODES:
            \(ExitStatus.listing)
            """,
        version: FOPVersion.current,
        subcommands: [TrainCommand.self, InfoCommand.self])
}

extension ExitStatus {
    /// Code and meaning, a line each.
    static var listing: String {
        allCases.map { status in
            let code = "\(status.rawValue)"
            return "  " + String(repeating: " ", count: 3 - code.count) + "\(code)  \(status.summary)"
        }.joined(separator: "\n")
    }
}
