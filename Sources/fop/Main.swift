import ArgumentParser
import Datasets
import Glibc
import Torch
import Training

/// Where the program starts: reads the command line, runs the command, and ends with an ``Training/ExitStatus``.
@main enum Main {
    static func main() {
        do {
            var command = try FOPCommand.parseAsRoot()
            try command.run()
        } catch let error as TrainingError {
            leave(error)
        } catch let error as DatasetError {
            leave(error)
        } catch let error as TorchError {
            leave(error)
        } catch {
            // Help, version and what is wrong with the command line: the parser's own texts and codes.
            FOPCommand.exit(withError: error)
        }
    }

    /// Says what is wrong in one line, and ends.
    private static func leave(_ error: any Error) -> Never {
        let line = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
        _ = writeAll("fop: \(line)\n", to: STDERR_FILENO)
        Glibc.exit(ExitStatus(for: error).rawValue)
    }
}
