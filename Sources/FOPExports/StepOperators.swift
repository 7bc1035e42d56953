import FOPCore
import TorchCore

/// The step.
nonisolated(unsafe) let stepOperators = [
    // How many examples were gathered, and whether there can be statistics among what was: the curvature is updated at this
    // step, or something passed through a layer for the first time.
    ExportedOperator("gathered(int engine) -> (int, bool)") { arguments in
        let number = arguments.int()
        return try EngineStore.shared.use(number) { engine in
            let preconditioner = engine.preconditioner
            let isDue = preconditioner.isFactorStep || preconditioner.blocks.contains { !$0.isReady }
            return [.int(preconditioner.gatheredExamples), .bool(isDue)]
        }
    },
    // Of the blocks named, those that something passed through (in any process), the directions of their parameters, one
    // after another, and whether everything was finite; no blocks where it is known not to be. Blocks that are not named
    // lose what they gathered. With several processes all of them have to call it, and name the same blocks.
    ExportedOperator(
        """
        directions(int engine, int[] blocks, Tensor[] gradients, int[] counts, float[] learning_rates, \
        float loss_scale, Tensor? others_finite) -> (int[], Tensor[], Tensor)
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
            let active = indices.filter { directions[$0] != nil }
            guard active.count == indices.count || preconditioner.processes > 1 || !isFinite.item(as: Bool.self) else {
                let missing = indices.filter { directions[$0] == nil }.map { engine.names[$0] }
                throw TorchError.invalidValue(
                    "nothing whole was gathered for \(missing.joined(separator: ", ")): no direction can be formed")
            }
            return [.ints(active), .tensors(active.flatMap { directions[$0]! }), .tensor(isFinite)]
        }
    },
]
