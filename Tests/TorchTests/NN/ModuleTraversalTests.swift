import TestSupport
import Torch
import XCTest

private class Base: Module {
    let first = Linear(2, 2)
    let scale = Parameter(.ones([2]))
}

private final class Nested: Base {
    let list = [Linear(2, 3, bias: false), Linear(3, 2, bias: false)]
    let grid: [[any Layer]] = [[BatchNorm(2)], [ReLU(), LayerNorm(2, affine: false)]]
    let named: [String: Module] = ["b": Embedding(3, 2), "a": Linear(1, 1)]
    let missing: Linear? = nil
    let present: Linear? = Linear(1, 2)
    let _hidden = Buffer(.zeros([1]))
    let number = 3
    let shared: Linear

    override init() {
        shared = list[0]
        super.init()
    }
}

private final class Tied: Module {
    let one: Linear
    let other: Linear

    init(sharing: Bool) {
        one = Linear(2, 2, bias: false)
        other = Linear(2, 2, bias: false)
        super.init()
        tied = sharing ? one.weight : nil
    }

    var tied: Parameter?
}

final class ModuleTraversalTests: XCTestCase {
    func testNamesAreThoseOfPropertiesIndicesAndKeys() {
        let model = Nested()
        XCTAssertEqual(
            model.namedParameters.map(\.name),
            [
                "scale", "first.weight", "first.bias", "list.0.weight", "list.1.weight", "grid.0.0.weight",
                "grid.0.0.bias", "named.a.weight", "named.a.bias", "named.b.weight", "present.weight", "present.bias",
            ])
        XCTAssertEqual(
            model.namedBuffers.map(\.name),
            ["hidden", "grid.0.0.running_mean", "grid.0.0.running_var", "grid.0.0.num_batches_tracked"])
        XCTAssertEqual(
            model.namedModules.map(\.name),
            [
                "", "first", "list.0", "list.1", "grid.0.0", "grid.1.0", "grid.1.1", "named.a", "named.b", "present",
            ])
        XCTAssertEqual(model.ownParameters.map(\.name), ["scale"])
        XCTAssertEqual(model.parameters.count, model.namedParameters.count)
        XCTAssertEqual(model.parameterCount, 2 + 6 + 6 + 6 + 4 + 2 + 6 + 4)
    }

    func testSharedPartsAreListedOnceUnderTheFirstName() {
        let tied = Tied(sharing: true)
        XCTAssertEqual(tied.namedParameters.map(\.name), ["tied", "other.weight"])
        XCTAssertTrue(tied.namedParameters[0].parameter === tied.one.weight)
        XCTAssertEqual(Tied(sharing: false).namedParameters.map(\.name), ["one.weight", "other.weight"])
        let layer = Linear(2, 2)
        XCTAssertEqual(Sequential(layer, layer).namedParameters.map(\.name), ["0.weight", "0.bias"])
        XCTAssertEqual(Sequential(layer, layer).namedModules.map(\.name), ["", "0"])
    }

    func testNamesOfLayersAreTorchs() throws {
        // The fixtures of each layer hold torch's names and `LayerFixture` compares them; here the joined ones.
        let model = Sequential(MultiheadAttention(4, heads: 2), BatchNorm(3))
        XCTAssertEqual(
            model.namedParameters.map(\.name),
            [
                "0.in_proj_weight", "0.in_proj_bias", "0.out_proj.weight", "0.out_proj.bias", "1.weight", "1.bias",
            ])
        XCTAssertEqual(
            model.namedBuffers.map(\.name), ["1.running_mean", "1.running_var", "1.num_batches_tracked"])
    }

    func testTrainAndEvaluateReachEveryModule() {
        let model = Nested()
        XCTAssertTrue(model.namedModules.allSatisfy { $1.isTraining })
        model.evaluate()
        XCTAssertTrue(model.namedModules.allSatisfy { !$1.isTraining })
        model.train()
        XCTAssertTrue(model.namedModules.allSatisfy { $1.isTraining })
        model.list[1].evaluate()
        XCTAssertTrue(model.isTraining)
        XCTAssertEqual(model.namedModules.filter { !$1.isTraining }.map(\.name), ["list.1"])
        var visited: [String] = []
        model.forEachModule { name, _ in visited.append(name) }
        XCTAssertEqual(visited, model.namedModules.map(\.name))
    }

    func testAFrozenParameterGetsNoGradient() {
        let layer = Linear(3, 2)
        layer.weight.requiresGradient = false
        let loss = layer(randomTensor([4, 3])).sum()
        let found = gradients(of: [loss], withRespectTo: [layer.bias!.value])
        assertClose(found[0], Tensor([4.0 as Float, 4]))
        XCTAssertFalse(layer.weight.value.requiresGradient)
        layer.weight.value = randomTensor([2, 3])
        XCTAssertFalse(layer.weight.value.requiresGradient)
        layer.weight.requiresGradient = true
        XCTAssertTrue(layer.weight.value.requiresGradient)
    }
}
