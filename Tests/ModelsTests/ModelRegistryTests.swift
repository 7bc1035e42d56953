import Models
import TestSupport
import Torch
import XCTest

final class ModelRegistryTests: XCTestCase {
    func testItKnowsTheModels() {
        XCTAssertEqual(ModelRegistry.standard.names, ["cnn", "mlp", "resnet", "vit"])
        for name in ModelRegistry.standard.names {
            XCTAssertEqual(ModelRegistry.standard.summary(of: name)?.isEmpty, false, name)
        }
        XCTAssertNil(ModelRegistry.standard.summary(of: "nothing"))
    }

    func testModelsTakeTheInputAndGiveTheClassesAskedFor() throws {
        for name in ModelRegistry.standard.names {
            for (shape, classes) in [([1, 28, 28], 10), ([3, 32, 32], 7)] {
                let model = try ModelRegistry.standard.make(name, inputShape: shape, classes: classes)
                XCTAssertEqual(model(randomTensor([2] + shape)).shape, [2, classes], "\(name) \(shape)")
            }
        }
    }

    func testASeedDeterminesTheWeights() throws {
        for name in ModelRegistry.standard.names {
            let models = try [3, 3, 4].map { seed in
                // What the default generator does must not matter.
                _ = Tensor.normal([seed])
                return try ModelRegistry.standard.make(
                    name, inputShape: [1, 28, 28], classes: 10, generator: Generator(seed: UInt64(seed)))
            }
            let weights = models.map { $0.parameters.map { $0.value } }
            assertIdentical(weights[0], weights[1], name)
            XCTAssertGreaterThan(relativeDifference(weights[2][0], weights[0][0]), 0.5, name)
        }
    }

    func testUnknownNamesListTheLegalOnes() {
        assertThrowsTorchError(
            try ModelRegistry.standard.make("resnet50", inputShape: [1, 28, 28], classes: 10)
        ) { error in
            XCTAssertEqual(error.description, "model 'resnet50' is not known: use cnn, mlp, resnet, vit")
        }
    }

    func testInputsThatDoNotFitAreRefused() {
        for name in ["cnn", "resnet", "vit"] {
            assertThrowsTorchError(try ModelRegistry.standard.make(name, inputShape: [784], classes: 10)) { error in
                assertContains(error.description, "\(name) takes channels x height x width")
                assertContains(error.description, "[784]")
            }
        }
        assertThrowsTorchError(try ModelRegistry.standard.make("vit", inputShape: [1, 30, 28], classes: 10)) { error in
            assertContains(error.description, "30 x 28")
        }
        assertThrowsTorchError(try ModelRegistry.standard.make("mlp", inputShape: [784], classes: 0)) { error in
            assertContains(error.description, "0 classes")
        }
    }

    func testModelsCanBeAddedAndReplaced() throws {
        var models = ModelRegistry.standard
        models.register("mlp", summary: "linear") { shape, classes, generator in
            Linear(shape.reduce(1, *), classes, generator: generator)
        }
        models.register("mine", summary: "mine") { _, _, _ in Identity() }
        XCTAssertEqual(models.names, ["cnn", "mine", "mlp", "resnet", "vit"])
        XCTAssertTrue(try models.make("mlp", inputShape: [4], classes: 2) is Linear)
        XCTAssertTrue(try ModelRegistry.standard.make("mlp", inputShape: [4], classes: 2) is MultilayerPerceptron)
    }
}
