import ArgumentParser
import Training

/// What it runs on.
struct MachineOptions: SettingOptions {
    @Option(help: help("cpu, cuda or cuda:N (default: cpu).", "name"))
    var device: String?

    @Option(
        parsing: .unconditional, help: help("Threads on the CPU (default: as LibTorch finds, see fop info).", "n"))
    var threads: String?
}
