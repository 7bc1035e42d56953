import Datasets
import FOP
import FOPCore
import Torch

/// Takes the steps of a run: forward and backward, in micro-batches, clipping, the update, and what follows it.
struct StepTaker {
    private let session: TrainingSession

    init(_ session: TrainingSession) { self.session = session }

    private var settings: TrainingSettings { session.settings }

    /// Images and labels that go through the model together, and their share of the step.
    private struct Part {
        let images, labels: Tensor
        let share: Double
        /// Which of the micro-batch's examples these are; nil for all.
        var slice: BatchSlice?
    }

    /// - Returns: the batch's mean loss; nil if the step was skipped.
    /// - Throws: ``TrainingError/diverged(advice:)``.
    func take(_ batch: Batch) throws -> Double? {
        let parts = parts(of: batch)
        var total: Tensor?
        for part in parts {
            let (loss, logits) = loss(of: part)
            try backward(loss, logits, part.slice)
            total = total.map { $0 + loss.detached() } ?? loss.detached()
        }
        if let maximum = settings.clipNorm, let optimizer = session.optimizer as? any GradientClipping {
            try optimizer.clipGradientNorm(maximum: maximum)
        }
        let outcome = try step { sum(parts) }
        session.scaler?.update(outcome)
        guard outcome == .applied else { return nil }
        session.average?.update()
        let value = total?.item(as: Double.self) ?? .nan
        return value.isFinite ? value : nil
    }

    private func parts(of batch: Batch) -> [Part] {
        let (images, labels) = (batch.images.to(session.device), batch.labels.to(session.device))
        let count = min(settings.microBatches, batch.count)
        guard count > 1 || settings.sliceSize != nil else { return [Part(images: images, labels: labels, share: 1)] }
        return (0..<count).flatMap { index -> [Part] in
            let (start, end) = (index * batch.count / count, (index + 1) * batch.count / count)
            return BatchSlice.slices(of: end - start, size: settings.sliceSize ?? end - start).map { slice in
                let range = start + slice.range.lowerBound..<start + slice.range.upperBound
                return Part(
                    images: images.examples(range), labels: labels.examples(range),
                    share: Double(range.count) / Double(batch.count),
                    slice: slice.range.count < end - start ? slice : nil)
            }
        }
    }

    /// The part's share in the batch's mean loss, and the class scores.
    private func loss(of part: Part) -> (loss: Tensor, logits: Tensor) {
        func forward() -> (Tensor, Tensor) {
            let logits = session.model(part.images)
            let loss = crossEntropy(logits, part.labels, labelSmoothing: settings.labelSmoothing)
            return (part.share == 1 ? loss : loss * part.share, logits)
        }
        switch settings.precision {
        case .float32: return forward()
        case .bfloat16: return withAutocast(.bfloat16, device: session.device.kind, forward)
        case .float16: return withAutocast(.float16, device: session.device.kind, forward)
        }
    }

    private func sum(_ parts: [Part]) -> Tensor {
        parts.dropFirst().reduce(loss(of: parts[0]).loss) { $0 + loss(of: $1).loss }
    }

    private func backward(_ loss: Tensor, _ logits: Tensor, _ slice: BatchSlice?) throws {
        if let optimizer = session.optimizer as? FOP {
            let isEmpirical = optimizer.options.curvature.fisher == .empirical
            return try optimizer.backward(
                loss, predictions: isEmpirical ? nil : .categorical(logits: logits), slice: slice)
        }
        try session.optimizer.backward(loss)
    }

    /// - Parameter loss: the loss with the weights as they are.
    private func step(_ loss: () -> Tensor) throws -> StepOutcome {
        do {
            if let optimizer = session.optimizer as? FOP, case .adaptive = optimizer.options.curvature.dampingPolicy {
                return try optimizer.step(reevaluating: loss)
            }
            return try session.optimizer.step()
        } catch TorchError.invalidValue(let advice) {
            // There were gradients: it can only be that too many steps in a row were left out.
            throw TrainingError.diverged(advice: advice)
        }
    }
}
