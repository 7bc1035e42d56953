import FOPCore
import Torch

extension BlockRegistry {
    /// What was asked for and does not fit the model.
    func problems(_ model: ModelLayers) -> [String] {
        parameterRules.sorted { $0.key < $1.key }.compactMap { problem(of: $1, parameter: $0, model) }
            + layerRules.flatMap { problems(of: $0, model) }
            + model.described.flatMap { descriptionProblems($0, model) }
    }

    private func problem(of kind: BlockKind, parameter name: String, _ model: ModelLayers) -> String? {
        let call = "blocks.use(.\(kind), forParameter: \"\(name)\")"
        guard let parameter = model.parameters.first(where: { $0.name == name })?.parameter else {
            return "\(call): the model has no parameter of that name; it has \(list(model.parameters.map(\.name)))"
        }
        guard kind != .fallback else { return nil }
        let owners = model.owners(of: parameter)
        guard owners.count == 1 else {
            let types = owners.map { "\(type(of: $0))" }.joined(separator: " and ")
            return "\(call): \(owners.count) layers share the parameter (\(types)), so only .fallback fits"
        }
        let layer = model.described.first { $0.description.parameters.contains { $0 === parameter } }
        guard let layer else {
            return """
                \(call): nothing is registered for its layer, \(type(of: owners[0])), so only .fallback fits; \
                blocks.register(\(type(of: owners[0])).self) changes that
                """
        }
        return misfit(kind, layer.description).map { "\(call): \(type(of: layer.layer)) \($0)" }
    }

    private func problems(of rule: LayerRule, _ model: ModelLayers) -> [String] {
        let call = "blocks.use(.\(rule.kind), for: \(rule.layer.name).self)"
        let layers = model.modules.map(\.module).filter(rule.layer.includes)
        guard !layers.isEmpty else {
            return ["\(call): the model has no such layer; it has \(list(model.modules.map { "\(type(of: $1))" }))"]
        }
        guard rule.kind != .fallback else { return [] }
        let described = model.described.filter { rule.layer.includes($0.layer) }
        guard !described.isEmpty else {
            return ["\(call): nothing is registered for that layer; blocks.register(\(rule.layer.name).self) changes that"]
        }
        let misfits = described.compactMap { misfit(rule.kind, $0.description) }
        return misfits.prefix(1).map { "\(call): it \($0)" }
    }

    private func misfit(_ kind: BlockKind, _ description: LayerDescription) -> String? {
        guard !description.kinds.contains(kind.rawValue) else { return nil }
        return "takes \(description.kinds.joined(separator: " or ")), not \(kind)"
    }

    private func descriptionProblems(_ layer: ModelLayers.Described, _ model: ModelLayers) -> [String] {
        let own = Set(model.parameters.map { ObjectIdentifier($0.parameter) })
        guard layer.description.parameters.allSatisfy({ own.contains(ObjectIdentifier($0)) }) else {
            return ["what is registered for \(type(of: layer.layer)) names a parameter that the model does not have"]
        }
        return []
    }

    /// Each once, in order, and not endlessly many.
    private func list(_ names: [String]) -> String {
        var seen = Set<String>()
        let distinct = names.filter { seen.insert($0).inserted }
        let rest = distinct.count - 30
        return distinct.prefix(30).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}
