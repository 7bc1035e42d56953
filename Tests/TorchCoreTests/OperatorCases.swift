import TestSupport
import Torch

/// Each operator of TorchCore, once or more, under the name that it has in Reference/fixtures/operators.py.
struct OperatorCase: Sendable {
    var name: String
    var run: @Sendable (OperatorInputs) -> [Tensor]

    init(_ name: String, _ run: @escaping @Sendable (OperatorInputs) -> Tensor) {
        self.name = name
        self.run = { [run($0)] }
    }

    init(several name: String, _ run: @escaping @Sendable (OperatorInputs) -> [Tensor]) {
        self.name = name
        self.run = run
    }

    init(pair name: String, _ run: @escaping @Sendable (OperatorInputs) -> (Tensor, Tensor)) {
        self.name = name
        self.run = {
            let pair = run($0)
            return [pair.0, pair.1]
        }
    }
}

/// The inputs that all cases share.
struct OperatorInputs {
    var x, y, row, cube, positive, square, definite, whole, index, mask, image, kernel, slope, single: Tensor
    var dtype: DType { x.dtype }

    init(_ tensors: [String: Tensor]) throws {
        func tensor(_ name: String) throws -> Tensor {
            guard let tensor = tensors[name] else { throw TorchError.invalidValue("no input '\(name)'") }
            return tensor
        }
        x = try tensor("x")
        y = try tensor("y")
        row = try tensor("row")
        cube = try tensor("cube")
        positive = try tensor("positive")
        square = try tensor("square")
        definite = try tensor("definite")
        whole = try tensor("whole")
        index = try tensor("index")
        mask = try tensor("mask")
        image = try tensor("image")
        kernel = try tensor("kernel")
        slope = try tensor("slope")
        single = try tensor("single")
    }

    /// A copy of `x` after a change in place.
    func changed(_ change: (Tensor) -> Void) -> Tensor {
        let copy = x.cloned()
        change(copy)
        return copy
    }
}

let operatorCases = arithmeticCases + elementwiseCases + comparisonCases + reductionCases + matrixCases + shapeCases
    + gatheringCases + creationCases + convolutionCases

private let arithmeticCases = [
    OperatorCase("add") { $0.x + $0.row },
    OperatorCase("add-scaled") { $0.x.adding($0.y, scale: 0.3) },
    OperatorCase("add-number") { $0.x + 0.1 },
    OperatorCase("add-whole") { $0.whole + 3 },
    OperatorCase("add-whole-fraction") { $0.whole + 0.5 },
    OperatorCase("add-single") { $0.single + 0.1 },
    OperatorCase("subtract") { $0.x - $0.y },
    OperatorCase("subtract-from-number") { 2 - $0.x },
    OperatorCase("multiply") { $0.x * $0.row },
    OperatorCase("multiply-number") { 0.1 * $0.x },
    OperatorCase("divide") { $0.x / $0.positive },
    OperatorCase("divide-number") { $0.x / 3 },
    OperatorCase("divide-by") { 3 / $0.x },
    OperatorCase("negate") { -$0.x },
    OperatorCase("power") { $0.positive.raised(to: $0.y) },
    OperatorCase("power-number") { $0.positive.raised(to: 2.5) },
    OperatorCase("power-two") { $0.x.raised(to: 2) },
    OperatorCase("remainder") { $0.x.remainder($0.y) },
    OperatorCase("maximum") { $0.x.maximum($0.y) },
    OperatorCase("minimum") { $0.x.minimum($0.y) },
    OperatorCase("lerp") { $0.x.lerp(to: $0.y, weight: $0.positive) },
    OperatorCase("add-in-place") { inputs in inputs.changed { $0.addInPlace(inputs.row, scale: 0.3) } },
    OperatorCase("subtract-in-place") { inputs in inputs.changed { $0.subtractInPlace(inputs.y, scale: 0.3) } },
    OperatorCase("add-number-in-place") { inputs in inputs.changed { $0.addInPlace(0.1) } },
    OperatorCase("multiply-in-place") { inputs in inputs.changed { $0.multiplyInPlace(by: inputs.row) } },
    OperatorCase("multiply-number-in-place") { inputs in inputs.changed { $0.multiplyInPlace(by: 0.1) } },
    OperatorCase("divide-in-place") { inputs in inputs.changed { $0.divideInPlace(by: inputs.positive) } },
    OperatorCase("lerp-in-place") { inputs in
        inputs.changed { $0.lerpInPlace(to: inputs.y, weight: inputs.positive) }
    },
    OperatorCase("fill") { inputs in inputs.changed { $0.fill(0.1) } },
]

private let elementwiseCases = [
    OperatorCase("reciprocal") { $0.x.reciprocal() },
    OperatorCase("sqrt") { $0.positive.squareRoot() },
    OperatorCase("rsqrt") { $0.positive.reciprocalSquareRoot() },
    OperatorCase("abs") { $0.x.absolute() },
    OperatorCase("exp") { $0.x.exponential() },
    OperatorCase("log") { $0.positive.logarithm() },
    OperatorCase("sin") { $0.x.sin() },
    OperatorCase("cos") { $0.x.cos() },
    OperatorCase("erf") { $0.x.erf() },
    OperatorCase("expm1") { $0.x.expm1() },
    OperatorCase("log1p") { $0.positive.log1p() },
    OperatorCase("square") { $0.x.squared() },
    OperatorCase("sign") { $0.x.sign() },
    OperatorCase("floor") { $0.x.floor() },
    OperatorCase("ceil") { $0.x.ceil() },
    OperatorCase("round") { $0.x.rounded() },
    OperatorCase("isnan") { ($0.x / 0 * 0).isNaN() },
    OperatorCase("isinf") { ($0.x / 0).isInfinite() },
    OperatorCase("isfinite") { ($0.x / 0).isFinite() },
    OperatorCase("clamp") { $0.x.clamped(min: -0.5, max: 0.25) },
    OperatorCase("clamp-min") { $0.x.clamped(min: 0) },
    OperatorCase("clamp-whole") { $0.whole.clamped(min: -2, max: 3) },
    OperatorCase("clamp-tensors") { $0.x.clamped(min: -$0.positive, max: $0.row) },
]

private let comparisonCases = [
    OperatorCase("eq") { $0.whole .== $0.whole.flipped([0]) },
    OperatorCase("eq-number") { $0.whole .== 2 },
    OperatorCase("ne") { $0.whole .!= $0.whole.flipped([0]) },
    OperatorCase("ne-number") { $0.whole .!= 2 },
    OperatorCase("lt") { $0.x .< $0.y },
    OperatorCase("lt-number") { $0.x .< 0.1 },
    OperatorCase("le") { $0.whole .<= $0.whole.flipped([0]) },
    OperatorCase("le-number") { $0.whole .<= 1 },
    OperatorCase("gt") { $0.x .> $0.y },
    OperatorCase("gt-number") { $0.whole .> 0.5 },
    OperatorCase("ge") { $0.whole .>= $0.whole.flipped([0]) },
    OperatorCase("ge-number") { $0.whole .>= 1 },
    OperatorCase("and") { $0.mask .& ($0.x .> 0) },
    OperatorCase("or") { $0.mask .| ($0.x .> 0) },
    OperatorCase("not") { .!$0.mask },
    OperatorCase("all") { $0.mask.all() },
    OperatorCase("any") { $0.mask.any() },
    OperatorCase("where") { Tensor.select($0.mask, $0.x, $0.row) },
]

private let reductionCases = [
    OperatorCase("sum") { $0.cube.sum() },
    OperatorCase("sum-dimensions") { $0.cube.sum([0, 2]) },
    OperatorCase("sum-keeping") { $0.cube.sum([1], keepingDimensions: true) },
    OperatorCase("mean") { $0.cube.mean() },
    OperatorCase("mean-dimensions") { $0.cube.mean([0, 2]) },
    OperatorCase("max") { $0.cube.max() },
    OperatorCase("min") { $0.cube.min() },
    OperatorCase(pair: "max-along") { $0.cube.max(1) },
    OperatorCase(pair: "min-along") { $0.cube.min(-1, keepingDimensions: true) },
    OperatorCase("argmax") { $0.cube.argmax(1) },
    OperatorCase("argmin") { $0.cube.argmin(2, keepingDimensions: true) },
    OperatorCase("product") { $0.x.product() },
    OperatorCase("logsumexp") { $0.cube.logSumExp([1, 2]) },
    OperatorCase("cumsum") { $0.cube.cumulativeSum(1) },
    OperatorCase("var") { $0.cube.variance() },
    OperatorCase("var-dimensions") { $0.cube.variance([0, 2], unbiased: false, keepingDimensions: true) },
    OperatorCase("std") { $0.cube.standardDeviation([1]) },
    OperatorCase("norm") { $0.cube.norm() },
    OperatorCase("norm-dimensions") { $0.cube.norm([0, 2], keepingDimensions: true) },
    OperatorCase("abs-sum") { $0.cube.absoluteSum() },
    OperatorCase("trace") { $0.square.trace() },
    OperatorCase("inner") { $0.x.inner($0.y) },
    OperatorCase(pair: "sort") { $0.cube.sorted(1, descending: true) },
    OperatorCase(pair: "sort-stable") { $0.whole.sorted(stable: true) },
    OperatorCase(pair: "topk") { $0.cube.topK(2, 2) },
    OperatorCase(pair: "topk-smallest") { $0.cube.topK(2, 1, largest: false) },
]

private let matrixCases = [
    OperatorCase("matmul") { $0.cube.matmul($0.square) },
    OperatorCase("mm") { $0.x.mm($0.square) },
    OperatorCase("bmm") { $0.cube.bmm($0.cube.transposed(1, 2)) },
    OperatorCase("einsum") { Tensor.einsum("bij,jk->bki", [$0.cube, $0.square]) },
    OperatorCase(pair: "cholesky") { $0.definite.cholesky() },
    OperatorCase("cholesky-inverse") { $0.definite.cholesky().factor.choleskyInverse() },
    OperatorCase("eigenvalues") { $0.definite.symmetricEigen().values },
    OperatorCase("diagonal") { $0.square.diagonal() },
    OperatorCase("diagonal-matrix") { $0.row.diagonalMatrix() },
    OperatorCase("lower") { $0.square.lowerTriangle(-1) },
    OperatorCase("upper") { $0.square.upperTriangle(1) },
    OperatorCase("outer") { $0.row.outer($0.x[0]) },
    OperatorCase("dot") { $0.row.dot($0.x[0]) },
]

private let shapeCases = [
    OperatorCase("reshape") { $0.cube.reshaped([-1, 2]) },
    OperatorCase("transpose") { $0.cube.transposed(0, 2) },
    OperatorCase("permute") { $0.cube.permuted([2, 0, 1]) },
    OperatorCase("narrow") { $0.cube.narrowed(2, from: 1, length: 2) },
    OperatorCase("select") { $0.cube.selected(1, -1) },
    OperatorCase("slice") { $0.cube.sliced(2, from: 0, to: 4, step: 2) },
    OperatorCase("unsqueeze") { $0.x.unsqueezed(1) },
    OperatorCase("squeeze") { $0.x.unsqueezed(1).squeezed(1) },
    OperatorCase("squeeze-all") { $0.x[.newAxis, .all, .newAxis].squeezed() },
    OperatorCase("flatten") { $0.cube.flattened(from: 1) },
    OperatorCase("expand") { $0.row.expanded([2, -1]) },
    OperatorCase("cat") { Tensor.concatenated([$0.x, $0.y], 1) },
    OperatorCase("stack") { Tensor.stacked([$0.x, $0.y], 1) },
    OperatorCase(several: "split") { $0.cube.split([1, 2], 1) },
    OperatorCase(several: "unbind") { $0.cube.unstacked(1) },
    OperatorCase(several: "chunk") { $0.cube.chunked(3, 2) },
    OperatorCase("repeat") { $0.x.repeated([2, 1, 2]) },
    OperatorCase("tile") { $0.cube.tiled([2]) },
    OperatorCase("roll") { $0.cube.rolled([1, -2], [0, 2]) },
    OperatorCase("flip") { $0.cube.flipped([0, 2]) },
    OperatorCase("index-select") { $0.x.indexSelect(0, $0.index[0]) },
    OperatorCase("contiguous") { $0.cube.transposed(0, 2).contiguous() },
    OperatorCase("convert") { ($0.x * 10).to(.int32) },
]

private let gatheringCases = [
    OperatorCase("gather") { $0.x.gathered(0, $0.index) },
    OperatorCase("scatter") { $0.x.scattered(0, $0.index[0..<1], from: $0.y) },
    OperatorCase("scatter-number") { $0.x.scattered(0, $0.index, value: 0.1) },
    OperatorCase("scatter-add") { $0.x.scatterAdded(0, $0.index, from: $0.y) },
    OperatorCase("masked-fill") { $0.x.filled(where: $0.mask, with: 0.1) },
    OperatorCase("masked-fill-in-place") { inputs in
        inputs.changed { $0.fill(where: inputs.mask, with: -.infinity) }
    },
    OperatorCase("masked-select") { $0.x.elements(where: $0.mask) },
    OperatorCase("nonzero") { $0.mask.nonzeroIndices() },
    OperatorCase("one-hot") { $0.index.oneHot(classes: 5) },
]

private let creationCases = [
    OperatorCase("zeros") { .zeros([2, 3], dtype: $0.dtype) },
    OperatorCase("ones") { _ in .ones([2, 3], dtype: .int32) },
    OperatorCase("eye") { .identity(3, dtype: $0.dtype) },
    OperatorCase("full") { .full([2, 3], 0.1, dtype: $0.dtype) },
    OperatorCase("arange") { _ in .arange(-2..<7, step: 3) },
    OperatorCase("arange-fractions") { .arange(from: 0, to: 1, step: 0.1, dtype: $0.dtype) },
    OperatorCase("linspace") { .linspace(from: -1, to: 2, count: 7, dtype: $0.dtype) },
]

private let convolutionCases = [
    OperatorCase("convolution-weight") {
        $0.slope.convolutionWeightGradient(
            input: $0.image, weight: $0.kernel, stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1)
    },
    OperatorCase("unfold") { $0.image.unfolded(kernel: [3, 2], stride: [2, 1], padding: [1, 0], dilation: [1, 1]) },
    OperatorCase("pad") { $0.x.padded([1, 2]) },
]
