import TestSupport
import Torch
import XCTest

final class PoolingTests: XCTestCase {
    func testMaxPoolingEqualsTorch() throws {
        let fixture = try LayerFixture("pooling")
        try fixture.check("maxpool2d") { MaxPool2d(kernel: 2) }
        try fixture.check("maxpool2d-options") { MaxPool2d(kernel: 3, stride: 2, padding: 1, dilation: 2) }
        try fixture.check("maxpool2d-asymmetric") { MaxPool2d(kernel: (3, 2), stride: (1, 2), padding: (1, 0)) }
        try fixture.check("maxpool2d-ceil") { MaxPool2d(kernel: 2, roundingUp: true) }
        try fixture.check("maxpool1d") { MaxPool1d(kernel: 3, stride: 2, padding: 1) }
    }

    func testAveragePoolingEqualsTorch() throws {
        let fixture = try LayerFixture("pooling")
        try fixture.check("avgpool2d") { AvgPool2d(kernel: 2) }
        try fixture.check("avgpool2d-options") { AvgPool2d(kernel: 3, stride: 2, padding: 1, countingPadding: false) }
        try fixture.check("avgpool2d-asymmetric") { AvgPool2d(kernel: (3, 2), stride: (2, 1), padding: (1, 0)) }
        try fixture.check("avgpool2d-ceil") { AvgPool2d(kernel: 2, roundingUp: true) }
        try fixture.check("avgpool1d") { AvgPool1d(kernel: 3, stride: 2, padding: 1) }
    }

    func testAdaptivePoolingEqualsTorch() throws {
        let fixture = try LayerFixture("pooling")
        try fixture.check("adaptive2d") { AdaptiveAvgPool2d(1) }
        try fixture.check("adaptive2d-uneven") { AdaptiveAvgPool2d(3, 4) }
        try fixture.check("adaptive1d") { AdaptiveAvgPool1d(3) }
    }
}
