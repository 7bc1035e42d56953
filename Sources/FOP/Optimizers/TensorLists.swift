import Torch

private enum Op {
    static let norm = Operator("aten::_foreach_norm", "Scalar")
    static let mul = Operator("aten::_foreach_mul", "Tensor")
    static let add = Operator("aten::_foreach_add", "List")
    static let clampMin = Operator("aten::_foreach_clamp_min", "Scalar")
    static let clampMax = Operator("aten::_foreach_clamp_max", "Scalar")
    static let lerpInPlace = Operator("aten::_foreach_lerp_", "Scalar")
    static let checkAndUnscale = Operator("aten::_amp_foreach_non_finite_check_and_unscale_")
    static let copyInPlace = Operator("aten::_foreach_copy_")
}

/// Operators on many tensors at once: one kernel launch instead of one per tensor.
extension [Tensor] {
    /// The `order`-norm of each tensor; infinity gives the largest magnitude.
    func norms(order: Double) -> [Tensor] {
        callList(Op.norm, file: #fileID, line: #line) {
            $0.push(self)
            $0.push(number: order)
            $0.pushNone()
        }
    }

    /// 1 if an element is infinite or not a number, else 0: float32, without dimensions. Of floating-point tensors on
    /// the CPU that are written to, each element its own value: dividing by a scale of 1 is how torch's gradient scaler
    /// looks for them.
    func nonFiniteFound() -> Tensor {
        let found = Tensor(Float(0))
        callVoid(Op.checkAndUnscale, file: #fileID, line: #line) {
            $0.push(self)
            $0.push(found)
            $0.push(Tensor(Float(1)))
        }
        return found
    }

    /// Each tensor times a tensor of one element.
    func multiplied(by factor: Tensor) -> [Tensor] {
        callList(Op.mul, file: #fileID, line: #line) {
            $0.push(self)
            $0.push(factor)
        }
    }

    /// The sums of partners.
    func adding(_ other: [Tensor]) -> [Tensor] {
        callList(Op.add, file: #fileID, line: #line) {
            $0.push(self)
            $0.push(other)
            $0.push(number: 1)
        }
    }

    /// Each element moved into `-bound...bound`.
    func clamped(to bound: Double) -> [Tensor] {
        let above = callList(Op.clampMin, file: #fileID, line: #line) {
            $0.push(self)
            $0.push(number: -bound)
        }
        return callList(Op.clampMax, file: #fileID, line: #line) {
            $0.push(above)
            $0.push(number: bound)
        }
    }

    /// `self += weight * (ends - self)`, in place.
    func lerpInPlace(to ends: [Tensor], weight: Double) {
        callVoid(Op.lerpInPlace, file: #fileID, line: #line) {
            $0.push(self)
            $0.push(ends)
            $0.push(number: weight)
        }
    }

    /// Copies the elements of partners, in place.
    func copyInPlace(from sources: [Tensor]) {
        callVoid(Op.copyInPlace, file: #fileID, line: #line) {
            $0.push(self)
            $0.push(sources)
            $0.push(false)
        }
    }
}

/// What the tensors of a list have to agree in for one kernel to take them all.
struct TensorKind: Hashable {
    let dtype: DType
    let device: Device

    init(_ tensor: Tensor) {
        dtype = tensor.dtype
        device = tensor.device
    }
}

/// The elements that share a key, in the order in which the keys first appear.
func grouped<Element, Key: Hashable>(
    _ elements: some Sequence<Element>, by key: (Element) -> Key
) -> [(key: Key, elements: [Element])] {
    var places: [Key: Int] = [:]
    var groups: [(key: Key, elements: [Element])] = []
    for element in elements {
        let key = key(element)
        if let place = places[key] {
            groups[place].elements.append(element)
        } else {
            places[key] = groups.count
            groups.append((key, [element]))
        }
    }
    return groups
}
