@testable import FOP
import FOPCore
import TestSupport
import Torch
import XCTest

/// In a network of linear layers the derivatives with respect to the outputs do not depend on the input, so that the
/// exact Fisher block of a layer is a Kronecker product (Martens & Grosse 2015; Dangel et al. 2025), and every kind of
/// block has to hold its own part of it exactly.
final class LinearNetworkTests: SmallModelTestCase {
    private let features = 3

    private func net() -> Sequential {
        let generator = Generator(seed: 8)
        return Sequential([
            Linear(3, 4, generator: generator), Linear(4, 4, bias: false, generator: generator),
            Linear(4, features, generator: generator),
        ]).to(.float64)
    }

    /// 1/N sum over examples and outputs of 2/C J J^T, where J is the derivative of one output with respect to all of
    /// the layer's parameters: the Fisher matrix of the mean of the squared errors, by autograd alone.
    private func fisher(_ model: Sequential, _ layer: Int, _ inputs: Tensor) -> Tensor {
        let parameters = model.layers[layer].ownParameters.map(\.parameter.value)
        let output = model(inputs)
        var rows: [Tensor] = []
        for example in 0..<inputs.size(0) {
            for feature in 0..<features {
                let own = gradients(
                    of: [output.selected(0, example).selected(0, feature)], withRespectTo: parameters, retainingGraph: true)
                let weight = own[0]!.detached()
                let columns = own.count == 2 ? [weight, own[1]!.detached().unsqueezed(1)] : [weight]
                rows.append(Tensor.concatenated(columns, 1).reshaped([-1]))
            }
        }
        let J = Tensor.stacked(rows)
        return J.transposed().matmul(J) * (2 / Double(features) / Double(inputs.size(0)))
    }

    private func check(
        steps: Int = 1, _ change: (inout FOPOptions) -> Void, _ expected: (Tensor, _ shape: [Int]) -> Tensor
    ) throws {
        let model = net()
        let inputs = randomTensor([6, 3], seed: 3, dtype: .float64)
        let optimizer = try FOP(
            model, learningRate: 0,
            options: options { options in
                options.curvature.fisher = .exact
                options.curvature.factorExamples = .all
                change(&options)
            })
        for _ in 0..<steps {
            let output = model(inputs)
            try optimizer.backward(
                meanSquaredError(output, randomTensor([6, features], seed: 4, dtype: .float64)),
                predictions: .gaussian(mean: output))
            XCTAssertEqual(try optimizer.step(), .applied)
        }
        for (index, layer) in optimizer.layers.enumerated() {
            let block = layer.block
            let V = randomTensor(block.shape, seed: 5, dtype: .float64)
            let F = expected(fisher(model, index, inputs), block.shape)
            let image = F.matmul(V.reshaped([-1])).reshaped(block.shape)
            assertRelativeDifference(block.fisherProduct(V), image, below: 1e-11, "layer \(index)")
        }
    }

    func testKroneckerBlocksAreTheExactFisher() throws {
        try check({ _ in }, { F, _ in F })
    }

    /// As they begin, and with moments observed in two bases.
    func testEKFACIsTheExactFisher() throws {
        for steps in 1...3 { try check(steps: steps, { $0.curvature.block = .ekfac }, { F, _ in F }) }
    }

    func testDiagonalBlocksAreItsDiagonal() throws {
        try check({ $0.curvature.block = .diagonal }, { F, _ in F.diagonal().diagonalMatrix() })
    }

    func testSplitBlocksAreItsBlocks() throws {
        try check({ $0.curvature.maximumFactorSize = 2 }) { F, shape in
            // Elements whose rows of V are in one block and whose columns are in one block.
            func part(_ index: Int, of size: Int) -> Int {
                // 5 is 2, 2 and 1; 4 and 3 are pairs first.
                index / 2
            }
            let places = (0..<shape[0]).flatMap { row in
                (0..<shape[1]).map { [part(row, of: shape[0]), part($0, of: shape[1])] }
            }
            let mask = places.flatMap { one in places.map { one == $0 ? 1.0 : 0.0 } }
            return F * Tensor(mask, shape: F.shape)
        }
    }
}
