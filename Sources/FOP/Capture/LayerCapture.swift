import FOPCore
import Torch

/// Brings what passes through a model's layers to the preconditioner: inputs from the forward pass, output gradients
/// from a tap in the backward pass, which computes no weight gradients for these layers.
final class LayerCapture: LayerObserver {
    private let sink: any LayerRecordSink
    private let candidates: [ObjectIdentifier: LayerCandidate]
    private let anchor: GradientAnchor
    private var isCollecting = false
    /// Whether the pass under way is the last one through its graph.
    private var isLastPass = true
    /// Who gets the records in the place of the sink.
    private var rehearsal: ((LayerRecord, Int) -> Void)?
    /// The numbers of each layer's blocks.
    var blocks: [ObjectIdentifier: [Int]] = [:]
    /// Blocks whose whole gradient is autograd's, with their parameters.
    var totals: [(block: Int, parameters: [Parameter])] = []

    init(_ candidates: [LayerCandidate], sink: any LayerRecordSink, device: Device) {
        self.sink = sink
        self.candidates = Dictionary(uniqueKeysWithValues: candidates.map { (ObjectIdentifier($0.layer), $0) })
        anchor = GradientAnchor(device: device)
        for candidate in candidates { candidate.layer.observer = self }
    }

    func observe(_ layer: Module, input: Tensor, output: Tensor, context: LayerContext) -> Tensor {
        let identity = ObjectIdentifier(layer)
        guard let candidate = candidates[identity], candidate.isTraining else { return output }
        // Let go of as soon as it is used: the graph, and with it this closure, lives as long as the loss.
        var waiting: Tensor? = used(input, context).detached()
        let normalization = statistics(context)
        return anchor.tap(output) { [weak self] gradient in
            guard let self, isCollecting, let input = waiting else { return }
            if isLastPass { waiting = nil }
            var record = LayerRecord(input: input, outputGradient: gradient)
            record.normalization = normalization
            withoutGradients {
                for block in self.blocks[identity] ?? [] { self.receive(record, block) }
            }
        }
    }

    /// What the weight is multiplied with, as far as the layer has formed it.
    private func used(_ input: Tensor, _ context: LayerContext) -> Tensor {
        if case .patches(let patches) = context { patches } else { input }
    }

    private func statistics(_ context: LayerContext) -> (mean: Tensor, inverseStandardDeviation: Tensor)? {
        guard case .normalization(let mean, let scale) = context else { return nil }
        return (mean.detached(), scale.detached())
    }

    private func receive(_ record: LayerRecord, _ block: Int) {
        if let rehearsal { rehearsal(record, block) } else { sink.record(record, block: block) }
    }

    /// A backward pass that leaves everything as it was.
    /// - Parameter show: is shown what the pass brings to each block.
    /// - Returns: the gradients of `parameters`, nil for those without a part in the loss.
    func rehearse(
        _ loss: Tensor, parameters: [Tensor], show: @escaping (LayerRecord, Int) -> Void
    ) -> [Tensor?] {
        (isCollecting, isLastPass, rehearsal) = (true, false, show)
        defer { (isCollecting, isLastPass, rehearsal) = (false, true, nil) }
        return Array(
            gradients(of: [loss], withRespectTo: [anchor.tensor] + parameters, retainingGraph: true).dropFirst())
    }

    /// Back-propagates through all taps: first what the curvature is made of, if it is not made of the loss itself, then
    /// the loss.
    /// - Parameters:
    ///   - slice: which of the batch's examples the loss is of; nil for all.
    ///   - curvature: the model's output and derivatives with respect to it, one for each pass, and whether each
    ///   of them is a draw of its own; asked for on curvature steps.
    /// - Returns: the gradients of `others`, nil for those without a part in the loss.
    func backPropagate(
        _ loss: Tensor, slice: BatchSlice?, others: [Tensor],
        curvature: () throws -> (output: Tensor, weights: [Tensor], areDraws: Bool)?
    ) rethrows -> [Tensor?] {
        sink.beginMicroBatch(slice)
        isCollecting = true
        defer { isCollecting = false }
        if sink.wantsCurvaturePasses, let passes = try curvature() {
            isLastPass = false
            defer { isLastPass = true }
            for (index, weight) in passes.weights.enumerated() {
                sink.beginPass(.curvature(countsExamples: index == 0 || passes.areDraws))
                _ = gradients(
                    of: [passes.output], weightedBy: [weight], withRespectTo: [anchor.tensor], retainingGraph: true)
            }
            sink.beginPass(.gradients)
        }
        let own = totals.flatMap(\.parameters).filter(\.requiresGradient)
        let found = gradients(of: [loss], withRespectTo: [anchor.tensor] + others + own.map(\.value))
        withoutGradients { completeTotals(Array(zip(own, found.dropFirst(1 + others.count)))) }
        return Array(found.dropFirst().prefix(others.count))
    }

    /// Hands in the gradients of ``totals``; those of frozen parameters are zero.
    private func completeTotals(_ found: [(parameter: Parameter, gradient: Tensor?)]) {
        let gradients = Dictionary(uniqueKeysWithValues: found.map { (ObjectIdentifier($0.parameter), $0.gradient) })
        for (block, parameters) in totals {
            let own = parameters.map { gradients[ObjectIdentifier($0)] ?? nil }
            guard own.contains(where: { $0 != nil }) else { continue }
            sink.complete(zip(own, parameters).map { $0 ?? $1.value.zerosLike() }, block: block)
        }
    }
}
