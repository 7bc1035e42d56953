import FOPCore
import TorchCore

/// The step.
nonisolated(unsafe) let stepOperators = [
    // How many examples were gathered, and whether the curvature is updated at this step.
    ExportedOperator("gathered(int engine) -> (int, bool)") { arguments in
        let number = arguments.int()
        return try EngineStore.shared.use(number) { engine in
            [.int(engine.preconditioner.gatheredExamples), .bool(engine.preconditioner.isFactorStep)]
        }
    },
    // The directions of the parameters of the blocks named, one after another, and whether everything was finite; no
    // directions where it is known not to be. Blocks that are not named lose what they gathered.
    ExportedOperator(
        """
        directions(int engine, int[] blocks, Tensor[] gradients, int[] counts, float[] learning_rates, \
        float loss_scale, Tensor? others_finite) -> (Tensor[], Tensor)
        """
    ) { arguments in
        let (number, indices, gradients) = (arguments.int(), arguments.ints(), arguments.tensors())
        let (counts, rates) = (arguments.ints(), arguments.doubles())
        let (lossScale, othersFinite) = (arguments.double(), arguments.optionalTensor())
        return try EngineStore.shared.use(number) { engine in
            let preconditioner = engine.preconditioner
            var current = [[Tensor]?](repeating: nil, count: preconditioner.blocks.count)
            var learningRates = [Double](repeating: 0, count: preconditioner.blocks.count)
            var rest = gradients[...]
            for (place, index) in indices.enumerated() {
                _ = try engine.block(index)
                current[index] = Array(rest.prefix(counts[place]))
                rest = rest.dropFirst(counts[place])
                learningRates[index] = rates[place]
            }
            preconditioner.lossScale = lossScale
            let (directions, isFinite) = preconditioner.directions(
                learningRates: learningRates, gradients: current, othersFinite: othersFinite)
            let found = indices.map { directions[$0] }
            let isKnown = found.allSatisfy { $0 != nil }
            guard isKnown || !isFinite.item(as: Bool.self) else {
                let missing = indices.filter { directions[$0] == nil }.map { engine.names[$0] }
                throw TorchError.invalidValue(
                    "nothing whole was gathered for \(missing.joined(separator: ", ")): no direction can be formed")
            }
            return [.tensors(isKnown ? found.flatMap { $0 ?? [] } : []), .tensor(isFinite)]
        }
    },
]
