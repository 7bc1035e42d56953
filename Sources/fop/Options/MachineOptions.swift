import ArgumentParser
import Training

/// What it runs on.
struct MachineOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("cpu, cuda or cuda:N (default: cpu).", valueName: "name"))
    var device: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Threads on the CPU (default: as LibTorch finds, see fop info).", valueName: "n"))
    var threads: Int?

    func fill(_ request: inout TrainingRequest) {
        request.device = device
        request.threads = threads
    }
}
