import Foundation
import Torch

private enum Op {
    static let qr = Operator("aten::linalg_qr")
    static let argsort = Operator("aten::argsort")
    static let tensordot = Operator("aten::tensordot")
}

/// 1 - beta^steps: what a moving average that started from 0 is divided by.
func biasCorrection(_ beta: Double, _ steps: Int) -> Double { 1 - pow(beta, Double(steps)) }

/// How a parameter of more than two dimensions is seen by an optimizer that keeps a matrix per dimension.
public enum KernelShape: Equatable, Sendable {
    /// As a matrix of outputs x everything else.
    case matrix
    /// As it is, with one matrix for each of its dimensions.
    case tensor

    func apply(to shape: [Int]) -> [Int] {
        self == .matrix && shape.count > 2 ? [shape[0], shape.dropFirst().reduce(1, *)] : shape
    }
}

extension Tensor {
    /// The orthogonal factor of a matrix, of the same size.
    func orthogonalFactor() -> Tensor {
        let wide = widened()
        return call2(Op.qr, file: #fileID, line: #line) {
            $0.push(wide)
            $0.push("reduced")
        }.0.to(dtype)
    }

    /// The indices that sort a vector, largest first.
    func descendingOrder() -> Tensor {
        call(Op.argsort, file: #fileID, line: #line) {
            $0.push(self)
            $0.push(-1)
            $0.push(true)
        }
    }

    /// Sums over the first dimension of this tensor and a dimension of a matrix; what is left of the matrix comes last.
    func contractingFirst(with matrix: Tensor, _ dimension: Int) -> Tensor {
        call(Op.tensordot, file: #fileID, line: #line) {
            $0.push(self)
            $0.push(matrix)
            $0.push([0])
            $0.push([dimension])
        }
    }

    /// The first dimension put last.
    func rolled() -> Tensor { permuted(Array(1..<rank) + [0]) }

    /// The products of all pairs of slices along a dimension: X X^T, where X is the tensor unfolded along it.
    func gram(_ dimension: Int) -> Tensor {
        let order = [dimension] + (0..<rank).filter { $0 != dimension }
        let unfolded = permuted(order).reshaped([size(dimension), -1])
        return unfolded.mm(unfolded.transposed())
    }

    /// In float32 at least.
    func widened() -> Tensor { dtype == .float64 ? self : to(.float32) }

    /// The eigenvalues (ascending) and eigenvectors of a symmetric matrix, in float64 if need be; nil when that fails
    /// too.
    func eigenIfPossible() -> (values: Tensor, vectors: Tensor)? {
        for type in [widened().dtype, .float64] {
            guard let found = try? TorchError.catching({ to(type).symmetricEigen() }),
                found.values.isFinite().all().item(as: Bool.self), found.vectors.isFinite().all().item(as: Bool.self)
            else { continue }
            return (found.values.to(widened().dtype), found.vectors.to(widened().dtype))
        }
        return nil
    }

    /// The inverse `root`-th root of a symmetric positive-semidefinite matrix; nil when no eigenvalues can be found.
    /// Eigenvalues count as no less than what rounding makes of 0.
    func inverseRoot(_ root: Int) -> Tensor? {
        guard let (values, vectors) = eigenIfPossible() else { return nil }
        let precision = values.dtype == .float64 ? 2.3e-16 : 1.2e-7
        let floor = (values.max() * precision).clamped(min: 1e-38)
        let powers = values.maximum(floor).raised(to: -1 / Double(root))
        return (vectors * powers).mm(vectors.transposed())
    }
}
