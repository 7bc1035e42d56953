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
    // Keeps these blocks alone, in this order and with their curvature; only between steps.
    ExportedOperator("retain(int engine, int[] blocks) -> ()") { arguments in
        let (number, indices) = (arguments.int(), arguments.ints())
        try EngineStore.shared.use(number) { try $0.retain(indices) }
        return []
    },
    // Blocks, for what trains of weight and bias: their index and kind; -1 where that is the fallback.
    ExportedOperator(
        "add_linear(int engine, str name, int outputs, int features, bool weight, bool bias) -> (int, str)"
    ) { arguments in
        let (engine, name) = (arguments.int(), arguments.string())
        let (outputs, features) = (arguments.int(), arguments.int())
        let (weight, bias) = (arguments.bool(), arguments.bool())
        let geometry = LinearGeometry(outputs: outputs, features: features, hasBias: bias)
        return try add(.weight(geometry), name, engine, weight: weight)
    },
    ExportedOperator(
        """
        add_convolution(int engine, str name, int[] weight_shape, int[] stride, int[] padding, int[] dilation, \
        int groups, bool weight, bool bias) -> (int, str)
        """
    ) { arguments in
        let (engine, name) = (arguments.int(), arguments.string())
        let (shape, stride, padding) = (arguments.ints(), arguments.ints(), arguments.ints())
        let (dilation, groups) = (arguments.ints(), arguments.int())
        let (weight, bias) = (arguments.bool(), arguments.bool())
        let geometry = ConvolutionGeometry(
            weightShape: shape, stride: stride, padding: padding, dilation: dilation, groups: groups, hasBias: bias)
        return try add(.weight(geometry), name, engine, weight: weight)
    },
    ExportedOperator(
        """
        add_transposed_convolution(int engine, str name, int[] weight_shape, int[] stride, int[] padding, \
        int[] output_padding, int[] dilation, int groups, bool weight, bool bias) -> (int, str)
        """
    ) { arguments in
        let (engine, name) = (arguments.int(), arguments.string())
        let (shape, stride, padding) = (arguments.ints(), arguments.ints(), arguments.ints())
        let (outputPadding, dilation, groups) = (arguments.ints(), arguments.ints(), arguments.int())
        let (weight, bias) = (arguments.bool(), arguments.bool())
        let geometry = TransposedConvolutionGeometry(
            weightShape: shape, stride: stride, padding: padding, outputPadding: outputPadding, dilation: dilation,
            groups: groups, hasBias: bias)
        return try add(.weight(geometry), name, engine, weight: weight)
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
    leastRank: Int = 2, weight: Bool = true
) throws -> [KernelResult] {
    try EngineStore.shared.use(number) { engine in
        let kind = structure.defaultKind(engine.configuration)
        guard kind != .fallback else { return [.int(-1), .string(kind.rawValue)] }
        let training = weight ? structure : structure.part(weight: false, bias: true)
        let block = Engine.Block(
            fisher: try training.block(kind, engine.configuration), statistics: statistics, leastRank: leastRank)
        return [.int(try engine.add(block, name: name)), .string(kind.rawValue)]
    }
}
