import ArgumentParser
import Training

/// What it runs on.
struct MachineOptions: ParsableArguments {
    @Option(help: "cpu, cuda or cuda:N (default: cpu).")
    var device: String?

    @Option(parsing: .unconditional, help: "Threads on the CPU (default: as LibTorch finds, see fop info).")
    var threads: Int?

    func fill(_ request: inout TrainingRequest) {
        request.device = device
        request.threads = threads
    }
}
