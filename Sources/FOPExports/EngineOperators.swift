import FOPCore
import TorchCore

/// Making engines and their blocks.
nonisolated(unsafe) let engineOperators = [
    ExportedOperator("engine_new(str settings) -> int") { arguments in
        [.int(EngineStore.shared.insert(try EngineSettings(arguments.string())))]
    },
    ExportedOperator("engine_delete(int engine) -> ()") { arguments in
        EngineStore.shared.remove(arguments.int())
        return []
    },
    // Takes the steps from now on together with the other processes of a process group, which is found by name.
    ExportedOperator("join(int engine, str group, int rank, int size) -> ()") { arguments in
        let (number, group) = (arguments.int(), arguments.string())
        let (rank, size) = (arguments.int(), arguments.int())
        guard Tensor.hasCollectives else {
            throw TorchError.invalidValue("this torch was built without torch.distributed")
        }
        return try EngineStore.shared.use(number) { engine in
            guard !engine.preconditioner.hasGathered else {
                throw TorchError.invalidValue("processes join between steps, and gradients were gathered for the next")
            }
            engine.preconditioner.join(EvenOddReduction(NamedProcessGroup(name: group, rank: rank, size: size)))
            return []
        }
    },
    // Blocks: their index and kind; -1 where that is the fallback.
    ExportedOperator("add_linear(int engine, str name, int outputs, int features, bool bias) -> (int, str)") { arguments in
        let (engine, name) = (arguments.int(), arguments.string())
        let geometry = LinearGeometry(
            outputs: arguments.int(), features: arguments.int(), hasBias: arguments.bool())
        return try add(.weight(geometry), name, engine)
    },
    ExportedOperator(
        """
        add_convolution(int engine, str name, int[] weight_shape, int[] stride, int[] padding, int[] dilation, \
        int groups, bool bias) -> (int, str)
        """
    ) { arguments in
        let (engine, name) = (arguments.int(), arguments.string())
        let geometry = ConvolutionGeometry(
            weightShape: arguments.ints(), stride: arguments.ints(), padding: arguments.ints(),
            dilation: arguments.ints(), groups: arguments.int(), hasBias: arguments.bool())
        return try add(.weight(geometry), name, engine)
    },
    ExportedOperator(
        """
        add_transposed_convolution(int engine, str name, int[] weight_shape, int[] stride, int[] padding, \
        int[] output_padding, int[] dilation, int groups, bool bias) -> (int, str)
        """
    ) { arguments in
        let (engine, name) = (arguments.int(), arguments.string())
        let geometry = TransposedConvolutionGeometry(
            weightShape: arguments.ints(), stride: arguments.ints(), padding: arguments.ints(),
            outputPadding: arguments.ints(), dilation: arguments.ints(), groups: arguments.int(),
            hasBias: arguments.bool())
        return try add(.weight(geometry), name, engine)
    },
    // padding_index: -1 for none.
    ExportedOperator(
        "add_embedding(int engine, str name, int count, int width, int padding_index) -> (int, str)"
    ) { arguments in
        let (engine, name) = (arguments.int(), arguments.string())
        let (count, width, paddingIndex) = (arguments.int(), arguments.int(), arguments.int())
        let structure = LayerStructure.embedding(
            count: count, width: width, paddingIndex: paddingIndex < 0 ? nil : paddingIndex)
        return try add(structure, name, engine, leastRank: 1)
    },
    ExportedOperator(
        """
        add_normalization(int engine, str name, str kind, int[] shape, int groups, float epsilon, bool weight, \
        bool bias) -> (int, str)
        """
    ) { arguments in
        let (engine, name, kindName) = (arguments.int(), arguments.string(), arguments.string())
        let (shape, groups, epsilon) = (arguments.ints(), arguments.int(), arguments.double())
        let (hasWeight, hasBias) = (arguments.bool(), arguments.bool())
        let kinds: [String: (NormalizationKind, centers: Bool)] = [
            "batch": (.batch, true), "group": (.group, true), "layer": (.layer, true), "rms": (.layer, false),
        ]
        guard let (kind, centers) = kinds[kindName] else {
            throw TorchError.invalidValue("normalization '\(kindName)' is not known: use batch, group, layer or rms")
        }
        guard hasWeight || hasBias else {
            throw TorchError.invalidValue("normalization '\(name)' has neither weight nor bias")
        }
        let statistics = NormalizationStatistics(
            kind, dimensions: shape.count, groups: groups, epsilon: epsilon, centers: centers)
        return try add(
            .scale(kind, shape: shape, hasWeight: hasWeight, hasBias: hasBias), name, engine, statistics: statistics)
    },
]

private func add(
    _ structure: LayerStructure, _ name: String, _ number: Int, statistics: NormalizationStatistics? = nil,
    leastRank: Int = 2
) throws -> [KernelResult] {
    try EngineStore.shared.use(number) { engine in
        let kind = structure.defaultKind(engine.configuration)
        guard kind != .fallback else { return [.int(-1), .string(kind.rawValue)] }
        let block = Engine.Block(
            fisher: try structure.block(kind, engine.configuration), statistics: statistics, leastRank: leastRank)
        return [.int(try engine.add(block, name: name)), .string(kind.rawValue)]
    }
}
