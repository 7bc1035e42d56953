import FOPCore
import TorchCore

/// What the hooks call during a backward pass.
nonisolated(unsafe) let recordOperators = [
    // Whether this micro-batch should also have passes from the model's own predictions.
    ExportedOperator(
        "begin_micro_batch(int engine, int factor_interval, int inverse_interval) -> bool"
    ) { arguments in
        let (number, factors, inverses) = (arguments.int(), arguments.int(), arguments.int())
        return try EngineStore.shared.use(number) { engine in
            engine.intervals.factors = factors
            engine.intervals.inverses = inverses
            engine.preconditioner.beginMicroBatch()
            return [.bool(engine.preconditioner.wantsCurvaturePasses)]
        }
    },
    // Before and after a pass from the model's own predictions.
    ExportedOperator("begin_pass(int engine, bool curvature, bool counts_examples) -> ()") { arguments in
        let (number, isCurvature, counts) = (arguments.int(), arguments.bool(), arguments.bool())
        return try EngineStore.shared.use(number) { engine in
            engine.beginPass(isCurvature ? .curvature(countsExamples: counts) : .gradients)
            return []
        }
    },
    // The derivatives of the loss, times a scale, with respect to the model's output, for labels drawn from what it
    // predicts. The noise has the output's shape: uniform from 0 to 1, for "gaussian" of the normal distribution.
    ExportedOperator(
        "drawn_gradient(int engine, Tensor output, Tensor noise, str distribution, float scale) -> Tensor"
    ) { arguments in
        let (number, output, noise) = (arguments.int(), arguments.tensor(), arguments.tensor())
        let (name, scale) = (arguments.string(), arguments.double())
        guard let family = PredictionFamily(rawValue: name) else {
            let legal = PredictionFamily.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
            throw TorchError.invalidValue("the distribution is '\(name)': use one of \(legal)")
        }
        return try EngineStore.shared.use(number) { engine in
            let gradient = family.sampledGradient(
                output: output, noise: noise, reduction: engine.configuration.lossReduction)
            return [.tensor((gradient * scale).to(output.dtype))]
        }
    },
    // What `record` wants to know of a normalisation that uses its running statistics.
    ExportedOperator(
        "running_statistics(int engine, int block, Tensor mean, Tensor variance) -> (Tensor, Tensor)"
    ) { arguments in
        let (number, index) = (arguments.int(), arguments.int())
        let (mean, variance) = (arguments.tensor(), arguments.tensor())
        return try EngineStore.shared.use(number) { engine in
            guard let statistics = try engine.block(index).statistics else {
                throw TorchError.invalidValue("layer '\(engine.names[index])' is not a normalisation")
            }
            let known = statistics.ofRunning(mean: mean, variance: variance)
            return [.tensor(known.mean), .tensor(known.inverseStandardDeviation)]
        }
    },
    // mean and inverse_std: of a normalisation that does not use its batch's; without them they are computed.
    ExportedOperator(
        "record(int engine, int block, Tensor input, Tensor output_gradient, Tensor? mean, Tensor? inverse_std) -> ()"
    ) { arguments in
        let (number, index) = (arguments.int(), arguments.int())
        var record = LayerRecord(input: arguments.tensor(), outputGradient: arguments.tensor())
        let (mean, inverse) = (arguments.optionalTensor(), arguments.optionalTensor())
        return try EngineStore.shared.use(number) { engine in
            let block = try engine.block(index)
            guard record.input.rank >= block.leastRank, record.outputGradient.size(0) == record.examples else {
                throw TorchError.invalidValue(
                    """
                    layer '\(engine.names[index])': its input has shape \(record.input.shape) and its output \
                    \(record.outputGradient.shape); both need the examples as their first of two or more dimensions
                    """)
            }
            // Operators that count take indices of this type alone.
            if record.input.dtype == .int32 { record.input = record.input.to(.int64) }
            if let statistics = block.statistics {
                record.normalization = mean.flatMap { mean in inverse.map { (mean, $0) } } ?? statistics.of(record.input)
            }
            engine.record(record, block: index)
            return []
        }
    },
    // The gradients of a block's parameters, in their own shapes, from the whole micro-batch. Whether they are what the
    // records say; where they are not, what was gathered for the block is gone.
    ExportedOperator("complete(int engine, int block, Tensor[] gradients) -> bool") { arguments in
        let (number, index, gradients) = (arguments.int(), arguments.int(), arguments.tensors())
        return try EngineStore.shared.use(number) { engine in
            _ = try engine.block(index)
            return [.bool(engine.complete(gradients, block: index))]
        }
    },
    // Of the blocks named, those that have curvature take part in the next step with their mean gradients alone.
    ExportedOperator("assume(int engine, int[] blocks, Tensor[] gradients, int[] counts) -> int[]") { arguments in
        let (number, indices) = (arguments.int(), arguments.ints())
        let (gradients, counts) = (arguments.tensors(), arguments.ints())
        return try EngineStore.shared.use(number) { engine in
            var rest = gradients[...]
            var taken: [Int] = []
            for (index, count) in zip(indices, counts) {
                let own = Array(rest.prefix(count))
                rest = rest.dropFirst(count)
                guard try engine.block(index).fisher.isReady else { continue }
                engine.preconditioner.assume(own, block: index)
                taken.append(index)
            }
            return [.ints(taken)]
        }
    },
    // Lets go of what was gathered since the last step: of one block, or (-1) of all.
    ExportedOperator("discard(int engine, int block) -> ()") { arguments in
        let (number, index) = (arguments.int(), arguments.int())
        return try EngineStore.shared.use(number) { engine in
            if index >= 0 { _ = try engine.block(index) }
            engine.discard(block: index < 0 ? nil : index)
            return []
        }
    },
]
