import FOP
import Torch

/// A network and the optimizer that trains it, step by step.
struct Trainee {
    private let contender: Contender
    private let network: any Layer
    private let optimizer: any Optimizer
    private let interval: Int
    private var index = 0

    init(_ contender: Contender, _ network: any Layer, interval: Int, learningRate: Double) throws {
        (self.contender, self.network, self.interval) = (contender, network, interval)
        optimizer = try contender.makeOptimizer(for: network, interval: interval, learningRate: learningRate)
    }

    /// Takes so many steps, which are added to `run`.
    mutating func take(
        _ steps: Int, on batch: TrainingBatch, areWarmUp: Bool = false, into run: inout TimedSteps
    ) throws {
        for _ in 0..<steps {
            let isCurvatureStep = contender.hasCurvatureSteps && index % interval == 0
            try run.time(isWarmUp: areWarmUp, isCurvatureStep: isCurvatureStep) {
                try batch.takeStep(network, optimizer)
            }
            index += 1
        }
    }

    /// Throws where a step was skipped.
    func check() throws {
        guard optimizer.skippedStepCount == 0 else {
            throw TorchError.invalidValue(
                "\(optimizer.skippedStepCount) steps were skipped as not finite: the times mean nothing")
        }
    }
}
