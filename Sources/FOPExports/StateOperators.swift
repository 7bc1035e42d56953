import FOPCore
import TorchCore

/// Saving, loading and looking.
nonisolated(unsafe) let stateOperators = [
    // The names, one per line, and the tensors of a state.
    ExportedOperator("state(int engine, bool curvature) -> (str, Tensor[])") { arguments in
        let (number, curvature) = (arguments.int(), arguments.bool())
        return try EngineStore.shared.use(number) { engine in
            let state = engine.preconditioner.state(names: engine.names, includingCurvature: curvature)
                .sorted { $0.key < $1.key }
            return [.string(state.map(\.key).joined(separator: "\n")), .tensors(state.map(\.value))]
        }
    },
    ExportedOperator("load(int engine, str names, Tensor[] tensors) -> ()") { arguments in
        let (number, names, tensors) = (arguments.int(), arguments.string(), arguments.tensors())
        return try EngineStore.shared.use(number) { engine in
            let keys = names.split(separator: "\n").map(String.init)
            guard keys.count == tensors.count else {
                throw TorchError.stateMismatch("\(keys.count) names for \(tensors.count) tensors")
            }
            let state = Dictionary(zip(keys, tensors)) { first, _ in first }
            let shapes = engine.preconditioner.stateShapes(names: engine.names)
            for (key, tensor) in state.sorted(by: { $0.key < $1.key }) {
                guard let shape = shapes[key] else {
                    throw TorchError.stateMismatch("'\(key)' is not part of this model's curvature")
                }
                guard tensor.shape == shape else {
                    throw TorchError.stateMismatch("'\(key)' has shape \(tensor.shape) where \(shape) is expected")
                }
            }
            engine.preconditioner.load(state, names: engine.names)
            return []
        }
    },
    // The shapes of a block's state by name: `name d d d` per line.
    ExportedOperator("state_shapes(int engine) -> str") { arguments in
        let number = arguments.int()
        return try EngineStore.shared.use(number) { engine in
            let shapes = engine.preconditioner.stateShapes(names: engine.names).sorted { $0.key < $1.key }
            let lines = shapes.map { key, shape in ([key] + shape.map(String.init)).joined(separator: "\t") }
            return [.string(lines.joined(separator: "\n"))]
        }
    },
    // Steps taken, and how often inverses were obtained by Cholesky, with jitter, in float64, not at all.
    ExportedOperator("counts(int engine) -> (int, int, int, int, int)") { arguments in
        let number = arguments.int()
        return try EngineStore.shared.use(number) { engine in
            let outcomes = engine.preconditioner.inverseOutcomes
            let counts = InverseOutcome.allCases.map { KernelResult.int(outcomes[$0] ?? 0) }
            return [.int(engine.preconditioner.stepCount)] + counts
        }
    },
    // What the last step found for each block, as text for Python to read: see `Diagnostics.swift`.
    ExportedOperator("diagnostics(int engine) -> str") { arguments in
        let number = arguments.int()
        return try EngineStore.shared.use(number) { engine in
            [.string(engine.preconditioner.diagnostics.map { diagnosticsText($0, names: engine.names) } ?? "")]
        }
    },
]

/// `name<tab>number…`: the step's trust-region scale and KL norm, then for each block s, beta, eta and the correction's
/// share.
private func diagnosticsText(_ found: StepDiagnostics, names: [String]) -> String {
    var lines = ["\t\(found.damping)\t\(found.trustRegionScale)\t\(found.klNorm)"]
    for layer in found.layers {
        let numbers = [layer.s[0], layer.beta[0], layer.eta, layer.correctionShare]
        lines.append(([names[layer.block]] + numbers.map { "\($0)" }).joined(separator: "\t"))
    }
    return lines.joined(separator: "\n")
}
