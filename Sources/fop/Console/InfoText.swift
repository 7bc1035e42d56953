import Training

/// What `fop info` prints for people.
enum InfoText {
    static func text(_ report: SystemReport) -> String {
        let width = 11
        func line(_ label: String, _ text: String) -> String {
            label + String(repeating: " ", count: max(1, width - label.count)) + text + "\n"
        }
        func lines(_ label: String, _ texts: [String]) -> String {
            texts.enumerated().map { line($0 == 0 ? label : "", $1) }.joined()
        }
        func list(_ label: String, _ choices: [SystemReport.Choice]) -> String {
            let widest = choices.map(\.name.count).max() ?? 0
            return lines(
                label,
                choices.map { $0.name + String(repeating: " ", count: widest - $0.name.count) + "  " + $0.summary })
        }
        return line("fop", report.fop) + line("LibTorch", report.libtorch)
            + line("CPU", "\(report.processor), \(NumberText.count(report.cores, "core"))")
            + line("CUDA", report.cudaDevices == 0 ? "no devices" : NumberText.count(report.cudaDevices, "device"))
            + line("threads", "\(report.threads)") + line("allocator", report.allocator) + line("cache", report.cache)
            + lines("data", report.dataFolders.map { "\($0.path): \(state($0))" })
            + list("models", report.models) + list("datasets", report.datasets)
            + list("optimizers", report.optimizers)
    }

    private static func state(_ folder: SystemReport.Folder) -> String {
        folder.missing.isEmpty
            ? "Fashion-MNIST is there" : "without \(folder.missing.joined(separator: ", ")); `make data` fetches them"
    }
}
