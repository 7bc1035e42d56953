import Torch

/// The momentum of parameters that Fisher blocks stand for; none where it is 0.
struct MomentumBuffers {
    private var buffers: [ObjectIdentifier: Tensor] = [:]
    private var order: [(name: String, parameter: Parameter)] = []

    /// Buffers for these parameters, the old ones where there are such.
    mutating func follow(_ parameters: [(name: String, parameter: Parameter)], _ grouping: ParameterGrouping) {
        order = parameters.filter { grouping.settings(of: $0.parameter).momentum != 0 }
        let before = buffers
        buffers = [:]
        for (_, parameter) in order {
            let identity = ObjectIdentifier(parameter)
            buffers[identity] = before[identity] ?? parameter.value.detached().zerosLike()
        }
    }

    subscript(_ parameter: Parameter) -> Tensor? { buffers[ObjectIdentifier(parameter)] }

    /// Each with its parameter's name.
    var named: [(name: String, buffer: Tensor)] {
        order.compactMap { name, parameter in self[parameter].map { (name, $0) } }
    }
}
