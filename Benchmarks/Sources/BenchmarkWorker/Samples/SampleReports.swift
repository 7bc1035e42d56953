import Torch

/// What `samples` found out.
struct SamplesReport: Encodable {
    let seed: Int
    let cells: [Cell]
    let threads = TorchRuntime.threadCount
    let libtorch = TorchRuntime.version

    /// One batch at one state of the network.
    struct Cell: Encodable {
        let trainingSteps, batch: Int
        let loss: Double
        let samples: [SampleReport]
    }
}

/// Factors from a sample against those from all examples.
struct SampleReport: Encodable {
    /// As ``FactorSample`` names it, or `another` for all examples of another batch.
    let sample: String
    let layers: [Layer]
    /// Of all layers together.
    let preconditioned, step: Difference

    struct Layer: Encodable {
        let name, kind: String
        /// The relative errors of A and G, in the Frobenius norm.
        let input, output: Double?
        let preconditioned, step: Difference
    }
}

/// What `factor-times` found out.
struct FactorTimesReport: Encodable {
    let cells: [Cell]
    let threads = TorchRuntime.threadCount
    let libtorch = TorchRuntime.version

    struct Cell: Encodable {
        let batch: Int
        /// By the name of the sample.
        let milliseconds: [String: [Double]]
    }
}
