import TestSupport
import Torch
import XCTest

final class DescriptionTests: XCTestCase {
    func testTextsAreTorchs() throws {
        let fixture = try FixtureFile("printing.safetensors")
        XCTAssertGreaterThan(fixture.tensors.count, 30)
        for (name, tensor) in fixture.tensors {
            XCTAssertEqual(tensor.description, fixture.metadata[name], name)
        }
    }

    func testViewsPrintTheirOwnValues() {
        let matrix = Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
        XCTAssertEqual(matrix.transposed()[1].description, "tensor([2., 5.])")
    }

    func testDebugDescription() {
        XCTAssertEqual(
            Tensor([1.0, 2.5]).to(.float64).debugDescription,
            "Tensor(shape: [2], dtype: float64, device: cpu)\ntensor([1.0000, 2.5000], dtype=torch.float64)")
        XCTAssertEqual(Tensor.undefined.debugDescription, "Tensor(undefined)")
        XCTAssertEqual(Tensor.undefined.description, "tensor(undefined)")
    }

    func testMetaTensorHasNoValues() {
        XCTAssertEqual(
            Tensor.empty([2, 3], device: .meta).description, "tensor(..., device='meta', size=(2, 3))")
    }

    func testPrintingAParameterRecordsNothing() {
        let weight = Tensor([1.0])
        weight.setRequiresGradient(true)
        XCTAssertEqual(weight.description, "tensor([1.], dtype=torch.float64)")
    }
}
