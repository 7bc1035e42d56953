import TestSupport
import Torch
import XCTest

final class ModuleConversionTests: XCTestCase {
    private func model() -> Sequential {
        Sequential(
            Conv2d(1, 4, kernel: 3, generator: Generator(seed: 1)), BatchNorm(4), ReLU(),
            Conv2d(4, 5, kernel: 1, generator: Generator(seed: 2)),
            Conv2d(5, 6, kernel: 3, generator: Generator(seed: 3)),
            AdaptiveAvgPool2d(1), Flatten(), Linear(6, 2, generator: Generator(seed: 4)))
    }

    func testATypeChangesRealNumbersAlone() {
        let model = model()
        let weight = model.parameters[0]
        let before = weight.value
        XCTAssertTrue(model.to(.float64) === model)
        XCTAssertTrue(model.parameters[0] === weight)
        XCTAssertTrue(model.parameters.allSatisfy { $0.value.dtype == .float64 && $0.value.requiresGradient })
        XCTAssertEqual(model.namedBuffers.map(\.buffer.value.dtype), [.float64, .float64, .int64])
        assertClose(weight.value, before, rtol: 0, atol: 0)
        XCTAssertEqual(model(randomTensor([2, 1, 8, 8], dtype: .float64)).dtype, .float64)
    }

    func testAFrozenParameterStaysFrozen() {
        let model = model()
        model.parameters[0].requiresGradient = false
        model.to(.float64).to(memoryFormat: .channelsLast)
        XCTAssertFalse(model.parameters[0].value.requiresGradient)
        XCTAssertTrue(model.parameters[1].value.requiresGradient)
    }

    func testADeviceMovesEverything() {
        let model = model().to(.meta)
        XCTAssertTrue(model.parameters.allSatisfy { $0.value.device == .meta })
        XCTAssertTrue(model.namedBuffers.allSatisfy { $0.buffer.value.device == .meta })
    }

    func testChannelsLastReordersFourDimensionsAlone() {
        let model = model()
        let input = randomTensor([2, 1, 8, 8])
        let expected = model(input)
        let others = model.namedParameters.filter { $0.parameter.shape.count != 4 }.map { $0.parameter.value.strides }
        model.to(memoryFormat: .channelsLast)
        let convolutions = model.namedParameters.filter { $0.parameter.shape.count == 4 }.map(\.parameter.value)
        XCTAssertEqual(convolutions.map(\.strides), [[9, 1, 3, 1], [4, 1, 4, 4], [45, 1, 15, 5]])
        XCTAssertEqual(
            model.namedParameters.filter { $0.parameter.shape.count != 4 }.map { $0.parameter.value.strides }, others)
        model.namedBuffers[2].buffer.value = Tensor.zeros([], dtype: .int64)
        assertClose(model(input), expected, rtol: 1e-5, atol: 1e-6)
        // Convolutions follow their weights.
        let image = (model.layers[0] as? Conv2d)?(input)
        XCTAssertEqual(image?.strides, [144, 1, 24, 4])
        model.to(memoryFormat: .contiguous)
        XCTAssertTrue(model.parameters.allSatisfy { $0.value.isContiguous })
    }

    func testFiveDimensionsHaveAFormatOfTheirOwn() {
        let layer = Conv3d(2, 3, kernel: 2)
        layer.to(memoryFormat: .channelsLast)
        XCTAssertTrue(layer.weight.value.isContiguous)
        layer.to(memoryFormat: .channelsLast3d)
        XCTAssertEqual(layer.weight.value.strides, [16, 1, 8, 4, 2])
    }
}
