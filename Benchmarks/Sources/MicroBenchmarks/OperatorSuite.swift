import Benchmark
import Torch

/// What calling an operator costs, beside what it computes.
func operatorSuite() -> BenchmarkSuite {
    BenchmarkSuite(name: "operator") { suite in
        let weight = Parameter(Tensor.ones([2, 2])).value
        let (left, right) = (Tensor.ones([2, 2]), Tensor.ones([2, 2]))
        suite.benchmark("mm, autograd records") { _ = weight.mm(right) }
        suite.benchmark("mm, outside of autograd") { _ = left.mm(right) }
        suite.benchmark("add with a number") { _ = left + 1 }
        suite.benchmark("sum over a dimension") { _ = left.sum([0]) }
        suite.benchmark("forward and backward of one product") {
            _ = gradients(of: [weight.mm(right).sum()], withRespectTo: [weight])
        }
    }
}
