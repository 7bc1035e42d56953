import Glibc
import TorchCore

private enum Op {
    static let uniform = Operator("aten::uniform_")
    static let normal = Operator("aten::normal_")
    static let qr = Operator("aten::linalg_qr")
}

/// The algorithms of `torch.nn.init`, step by step as there, so that one seed gives the same numbers.
struct RandomFill {
    let tensor: Tensor
    let generator: Generator
    let file: StaticString
    let line: UInt

    func uniform(_ low: Double, _ high: Double) { draw(Op.uniform, low, high, tensor) }

    func normal(_ mean: Double, _ deviation: Double) { draw(Op.normal, mean, deviation, tensor) }

    func xavierDeviation(_ gain: Double) -> Double {
        let fans = fans
        return gain * (2 / Double(fans.in + fans.out)).squareRoot()
    }

    func kaimingDeviation(_ fan: Initializer.Fan, _ nonlinearity: Initializer.Nonlinearity) -> Double {
        let fans = fans
        return nonlinearity.gain / Double(fan == .in ? fans.in : fans.out).squareRoot()
    }

    private var fans: (in: Int, out: Int) {
        let shape = tensor.shape
        guard
            checkArgument(
                shape.count >= 2, of: "Initializer",
                "Fan in and fan out can not be computed for a tensor of shape \(shape): two dimensions are needed",
                file: file, line: line)
        else { return (1, 1) }
        let kernel = shape.dropFirst(2).reduce(1, *)
        return (shape[1] * kernel, shape[0] * kernel)
    }

    /// Draws normal numbers again until they fit; where most would not fit, draws uniform ones and accepts each with
    /// the probability that the density gives.
    func truncatedNormal(_ mean: Double, _ deviation: Double, _ low: Double, _ high: Double) {
        guard
            checkArgument(
                low < high && deviation > 0, of: "Initializer",
                "a normal distribution of deviation \(deviation) cannot be cut to [\(low), \(high)]", file: file,
                line: line)
        else { return }
        func cumulative(_ x: Double) -> Double { (1 + erf(x / 2.0.squareRoot())) / 2 }
        let share = cumulative((high - mean) / deviation) - cumulative((low - mean) / deviation)
        if share > 0.3 {
            normal(mean, deviation)
            redraw(mean, deviation, low, high)
        } else {
            acceptUniform(mean, deviation, low, high)
        }
    }

    private func redraw(_ mean: Double, _ deviation: Double, _ low: Double, _ high: Double) {
        // In the tensor's type: a bound must be a number that it can hold.
        let bounds = Tensor([low, high]).to(tensor.dtype).scalars(as: Double.self)
        var result = tensor
        while true {
            let outside = result.isLess(than: bounds[0]).logicalOr(result.isGreater(than: bounds[1]))
            guard outside.any().item(as: Bool.self) else { break }
            let fresh = result.emptyLike()
            draw(Op.normal, mean, deviation, fresh)
            result = .select(outside, fresh, result)
        }
        tensor.copy(from: result, file: file, line: line)
    }

    private func acceptUniform(_ mean: Double, _ deviation: Double, _ low: Double, _ high: Double) {
        let peak = max(low, min(mean, high))
        let logPeak = -0.5 * ((peak - mean) / deviation) * ((peak - mean) / deviation)
        let chance = tensor.emptyLike()
        func refused(_ candidates: Tensor) -> Tensor {
            let distance = (candidates - mean) / deviation
            let logDensity = (distance * distance) * -0.5 - logPeak
            draw(Op.uniform, 0, 1, chance)
            return chance.logarithm().isGreater(than: logDensity)
        }
        uniform(low, high)
        var result = tensor
        var pending = refused(result)
        while pending.any().item(as: Bool.self) {
            let candidates = tensor.emptyLike()
            draw(Op.uniform, low, high, candidates)
            result = .select(pending, candidates, result)
            pending = pending.logicalAnd(refused(candidates))
        }
        tensor.copy(from: result, file: file, line: line)
    }

    func orthogonal(_ gain: Double) {
        let shape = tensor.shape
        guard
            checkArgument(
                shape.count >= 2, of: "Initializer",
                "Only tensors with 2 or more dimensions are supported, the shape is \(shape)", file: file,
                line: line)
        else { return }
        guard tensor.count > 0 else { return }
        let (rows, columns) = (shape[0], tensor.count / shape[0])
        let start = Tensor.empty([rows, columns], dtype: tensor.dtype, device: tensor.device, file: file, line: line)
        draw(Op.normal, 0, 1, start)
        let (q, r) = call2(Op.qr, file: file, line: line) {
            $0.push(rows < columns ? start.transposed() : start)
            $0.push("reduced")
        }
        // Signs chosen so that the result is uniformly distributed (arXiv math-ph/0609050).
        let turned = q * r.diagonal().sign()
        tensor.copy(from: (rows < columns ? turned.transposed() : turned).reshaped(shape), file: file, line: line)
        tensor.multiplyInPlace(by: gain, file: file, line: line)
    }

    private func draw(_ op: Operator, _ first: Double, _ second: Double, _ target: Tensor) {
        _ = call(op, file: file, line: line) {
            $0.push(target)
            $0.push(first)
            $0.push(second)
            $0.push(generator: generator.handle)
        }
    }
}
