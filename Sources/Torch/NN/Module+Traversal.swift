import TorchCore

extension Module {
    /// Calls `body` with this module and every module within it, once each, with its name ("" is this one).
    public func forEachModule(_ body: (String, Module) -> Void) {
        for (name, module) in namedModules { body(name, module) }
    }

    /// This module and every module within it, once each, in the order of declaration.
    public var namedModules: [(name: String, module: Module)] {
        var seen = Set<ObjectIdentifier>()
        var found: [(String, Module)] = []
        func visit(_ name: String, _ module: Module) {
            guard seen.insert(ObjectIdentifier(module)).inserted else { return }
            found.append((name, module))
            for (child, part) in module.children {
                if case .module(let inner) = part { visit(join(name, child), inner) }
            }
        }
        visit("", self)
        return found
    }

    /// All parameters with their names, shared ones once, under the first name.
    public var namedParameters: [(name: String, parameter: Parameter)] {
        var seen = Set<ObjectIdentifier>()
        return namedModules.flatMap { prefix, module in
            module.children.compactMap { child, part in
                guard case .parameter(let parameter) = part, seen.insert(ObjectIdentifier(parameter)).inserted else {
                    return nil
                }
                return (join(prefix, child), parameter)
            }
        }
    }

    /// All parameters, shared ones once.
    public var parameters: [Parameter] { namedParameters.map(\.parameter) }

    /// All buffers with their names.
    public var namedBuffers: [(name: String, buffer: Buffer)] {
        var seen = Set<ObjectIdentifier>()
        return namedModules.flatMap { prefix, module in
            module.children.compactMap { child, part in
                guard case .buffer(let buffer) = part, seen.insert(ObjectIdentifier(buffer)).inserted else {
                    return nil
                }
                return (join(prefix, child), buffer)
            }
        }
    }

    /// How many numbers training changes.
    public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.count } }

    /// The parts that this module itself holds, without those of the modules within it.
    public var ownParameters: [(name: String, parameter: Parameter)] {
        children.compactMap { name, part in
            if case .parameter(let parameter) = part { (name, parameter) } else { nil }
        }
    }
}

/// A dot goes between, unless the prefix ends in an underscore: so the parts of a module within can have names like
/// torch's `in_proj_weight`.
private func join(_ prefix: String, _ name: String) -> String {
    prefix.isEmpty || prefix.hasSuffix("_") ? prefix + name : "\(prefix).\(name)"
}

/// The parameters, buffers and modules among an object's stored properties, superclasses first.
func reflectedChildren(of object: Module) -> [(name: String, part: ModulePart)] {
    var mirrors: [Mirror] = []
    var mirror: Mirror? = Mirror(reflecting: object)
    while let current = mirror, current.subjectType != Module.self {
        mirrors.append(current)
        mirror = current.superclassMirror
    }
    return mirrors.reversed().flatMap { mirror in
        mirror.children.flatMap { child in
            parts(of: child.value, named: name(of: child.label ?? ""))
        }
    }
}

private func name(of label: String) -> String {
    label.hasPrefix("_") ? String(label.dropFirst()) : label
}

private func parts(of value: Any, named name: String) -> [(name: String, part: ModulePart)] {
    switch value {
    case let parameter as Parameter: return [(name, .parameter(parameter))]
    case let buffer as Buffer: return [(name, .buffer(buffer))]
    case let module as Module: return [(name, .module(module))]
    default: break
    }
    let mirror = Mirror(reflecting: value)
    switch mirror.displayStyle {
    case .optional:
        return mirror.children.first.map { parts(of: $0.value, named: name) } ?? []
    case .collection:
        return mirror.children.enumerated().flatMap { index, child in
            parts(of: child.value, named: join(name, "\(index)"))
        }
    case .dictionary:
        let entries = mirror.children.compactMap { child -> (String, Any)? in
            let pair = Mirror(reflecting: child.value).children.map(\.value)
            return (pair[0] as? String).map { ($0, pair[1]) }
        }
        return entries.sorted { $0.0 < $1.0 }.flatMap { parts(of: $1, named: join(name, $0)) }
    default:
        return []
    }
}
