import ArgumentParser
import Glibc
import Torch

/// One contender of the benchmark in a process of its own. Prints one line of JSON; the driver starts it and reads it.
@main struct BenchmarkWorker: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "BenchmarkWorker",
        abstract: "Measures one thing and prints one line of JSON. Started by `make bench` and its relatives.",
        subcommands: [
            StepsCommand.self, TurnsCommand.self, CallsCommand.self, ProfileCommand.self, SamplesCommand.self,
            FactorTimesCommand.self,
        ])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as TorchError {
            let line = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
            let text = "BenchmarkWorker: \(line)\n"
            _ = write(STDERR_FILENO, text, text.utf8.count)
            Glibc.exit(1)
        } catch {
            exit(withError: error)
        }
    }
}
