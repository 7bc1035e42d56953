import Torch

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What `steps` found out.
struct StepsReport: Encodable {
    let milliseconds: [Double]
    let curvature: [Bool]
    let losses: [Double]
    let startMemoryBytes, peakMemoryBytes: Int
    let threads: Int
    let libtorch: String

    init(_ run: TimedSteps, startMemory: Int) {
        milliseconds = run.milliseconds
        curvature = run.isCurvatureStep
        losses = run.losses
        startMemoryBytes = startMemory
        peakMemoryBytes = ProcessMemory.peak
        threads = TorchRuntime.threadCount
        libtorch = TorchRuntime.version
    }
}

/// What `calls` found out.
struct CallsReport: Encodable {
    let microseconds: [Double]
    let threads: Int
    let libtorch: String

    init(microseconds: [Double]) {
        self.microseconds = microseconds
        threads = TorchRuntime.threadCount
        libtorch = TorchRuntime.version
    }
}

extension Encodable {
    /// One line of JSON on standard output.
    func print() throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = .sortedKeys
        Swift.print(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}
