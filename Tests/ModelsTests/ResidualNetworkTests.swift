import Models
import TestSupport
import Torch
import XCTest

/// Counts the multiplications of convolutions and linear layers.
private final class Counter: LayerObserver {
    var multiplications = 0

    func observe(_ layer: Module, input: Tensor, output: Tensor, context: LayerContext) -> Tensor {
        switch layer {
        case let convolution as Convolution:
            multiplications += output.count * convolution.weight.shape.dropFirst().reduce(1, *)
        case let linear as Linear: multiplications += output.count * linear.weight.shape[1]
        default: break
        }
        return output
    }
}

final class ResidualNetworkTests: XCTestCase {
    // Threads that wait for each other make small networks slow on a busy machine.
    override class func setUp() { TorchRuntime.threadCount = 1 }

    private func multiplications(_ model: any Layer) -> Int {
        let counter = Counter()
        model.forEachModule { $1.observer = counter }
        _ = model(randomTensor([2, 1, 28, 28]))
        return counter.multiplications / 2
    }

    func testSizesAreAsDocumented() {
        let model = ResidualNetwork()
        XCTAssertEqual(model.namedModules.filter { $1 is Convolution }.count, 9)
        XCTAssertEqual(model.parameterCount, 77_754)
        XCTAssertEqual(multiplications(model), 2_552_000)
        XCTAssertEqual(multiplications(ConvNet()), 549_568)
    }

    func testShortcutsAreThereWhereShapesChange() {
        let model = ResidualNetwork(widths: [4, 4, 8], strides: [1, 1, 2, 1])
        XCTAssertEqual(model.stages.map { $0.sum.shortcut != nil }, [false, true, true])
        XCTAssertEqual(model(randomTensor([2, 1, 12, 12])).shape, [2, 10])
    }

    func testItLearns() throws {
        // Sixteen random pictures with random labels: after some steps the loss must be well below chance.
        let model = ResidualNetwork(classes: 4, widths: [4, 8], strides: [2, 1, 2], generator: Generator(seed: 1))
        let images = randomTensor([16, 1, 12, 12], seed: 2)
        let labels = randomIntegers([16], in: 0..<4, seed: 3)
        var losses: [Double] = []
        for _ in 0..<40 {
            let loss = crossEntropy(model(images), labels)
            losses.append(loss.item(as: Double.self))
            let found = gradients(of: [loss], withRespectTo: model.parameters.map(\.value))
            withoutGradients {
                for (parameter, gradient) in zip(model.parameters, found) {
                    parameter.value = parameter.value - gradient! * 0.2
                }
            }
        }
        XCTAssertGreaterThan(losses[0], 1)
        XCTAssertLessThan(losses[39], 0.4 * losses[0])
    }
}
